"""Example specs, shipped with nivel; `nivel init` copies them. Add one folder per subject."""

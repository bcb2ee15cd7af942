"""The comparison as one HTML file. Filled in below."""


def render_report(runs: object) -> str:
    return ""

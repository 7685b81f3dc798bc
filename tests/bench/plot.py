"""Bars on a logarithmic scale as SVG, drawn by hand: light and dark pages, no script, no font of our own."""
import html
import math

WIDTH, LABEL, BAR, TOP = 760, 300, 16, 34
STYLE = """<style>
text{font:12px system-ui,sans-serif;fill:#24292f}
.axis{stroke:#8c959f;stroke-width:1}.goal{stroke:#cf222e;stroke-width:2}
.ours{fill:#0969da}.theirs{fill:#afb8c1}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.theirs{fill:#6e7681}}
</style>"""


def scale(values):
    """A function from a value to its place, and the marks of the axis."""
    low = 10 ** math.floor(math.log10(min(values)))
    high = 10 ** math.ceil(math.log10(max(values) * 1.001))
    width = WIDTH - LABEL - 80

    def place(value):
        return LABEL + width * math.log10(value / low) / math.log10(high / low)
    marks = [low * 10 ** number for number in range(round(math.log10(high / low)) + 1)]
    return place, marks


def bars(title, groups):
    """groups: (label, ours, name of theirs or None, theirs, goal or None), all values above 0."""
    values = [one for _, ours, _, theirs, goal in groups for one in (ours, theirs, goal) if one]
    place, marks = scale(values)
    parts, at = [], TOP
    for label, ours, name, theirs, goal in groups:
        begin = at
        parts.append(f'<text x="{LABEL - 8}" y="{at + 12}" text-anchor="end">{html.escape(label)}</text>')
        for kind, value, text in (("ours", ours, ""), ("theirs", theirs, name)):
            if value:
                parts.append(f'<rect class="{kind}" x="{LABEL}" y="{at}" height="{BAR - 3}" '
                             f'width="{max(place(value) - LABEL, 1):.1f}"/>')
                parts.append(f'<text x="{place(value) + 5:.1f}" y="{at + 11}">{value:.4g} '
                             f'{html.escape(text or "")}</text>')
                at += BAR
        if goal:
            parts.append(f'<line class="goal" x1="{place(goal):.1f}" x2="{place(goal):.1f}" y1="{begin - 1}" '
                         f'y2="{at}"/>')
        at += 8
    axis = [f'<line class="axis" x1="{place(mark):.1f}" x2="{place(mark):.1f}" y1="{TOP - 4}" y2="{at}" opacity=".3"/>'
            f'<text x="{place(mark):.1f}" y="{at + 14}" text-anchor="middle">{mark:g}</text>' for mark in marks]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {at + 24}" role="img" '
            f'aria-label="{html.escape(title)}">\n{STYLE}\n<text x="8" y="18" font-weight="bold">{html.escape(title)}'
            "</text>\n" + "\n".join(axis + parts) + "\n</svg>\n")

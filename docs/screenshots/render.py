#!/usr/bin/env python3
"""render.py TRANSCRIPT SVG [TITLE]: a terminal's text as a picture.

A line that begins with "# " is a prompt and what was typed; the rest is printed.
Fonts are whatever fixed-width one the reader has; nothing is fetched. The
transcripts come from a real run:

    SCREENSHOTS=/tmp LAB_BUILD=build/release tests/integration/status_test.sh
    docs/screenshots/render.py /tmp/status.txt docs/screenshots/status.svg
    docs/screenshots/render.py /tmp/report.txt docs/screenshots/report.svg
"""
import html
import re
import sys

SIZE, LINE, CHAR = 13, 18, 7.83    # of the font, in pixels
MARGIN, BAR = 14, 28
BACK, FRONT, DIM = "#1d2021", "#dfd7c1", "#8a8378"
GREEN, YELLOW, RED, BLUE = "#a9c25d", "#e0b34f", "#f0705a", "#83b4c4"

# The first match of each counts; group 1 is what is coloured.
COLOURS = [
    (r"^(CRITICAL)\b", RED), (r"^(WARNING)\b", YELLOW),
    (r"^(UNKNOWN)\b", YELLOW), (r"\b(AWAY|DOWN)\b", RED),
    (r"\b(down)\b", RED), (r"\b(stale|absent|failed|suspect|held)\b", YELLOW),
    (r"\b(frozen)\b", BLUE), (r"(?<=policyd )(up)\b", GREEN),
    (r"(?<=milter )(up)\b", GREEN), (r"  (up) ", GREEN),
    (r"\b(fresh)\b", GREEN), (r"^(Nothing to complain of\.)", GREEN),
]
HEAD = re.compile(r"^(DOMAIN .*|-{4,}|  domain  .*)$")


def spans(line):
    """(text, colour, bold) pieces of a line."""
    if line.startswith("# "):
        return [("# ", GREEN, True), (line[2:], FRONT, True)]
    if HEAD.match(line):
        return [(line, DIM, False)]
    marks = []
    for pattern, colour in COLOURS:
        found = re.search(pattern, line)
        if found and not any(a < found.end(1) and found.start(1) < b
                             for a, b, _ in marks):
            marks.append((found.start(1), found.end(1), colour))
    pieces, at = [], 0
    for start, end, colour in sorted(marks):
        pieces += [(line[at:start], FRONT, False),
                   (line[start:end], colour, False)]
        at = end
    return pieces + [(line[at:], FRONT, False)]


def render_line(line, y):
    out = [f'<text x="{MARGIN}" y="{y}">']
    for text, colour, bold in spans(line):
        if text:
            weight = ' font-weight="bold"' if bold else ""
            out.append(f'<tspan fill="{colour}"{weight}>'
                       f"{html.escape(text)}</tspan>")
    return "".join(out) + "</text>"


def render(lines, title):
    width = max(72, max(map(len, lines), default=0)) * CHAR + 2 * MARGIN
    height = BAR + len(lines) * LINE + 2 * MARGIN
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" '
           f'height="{height}" viewBox="0 0 {width:.0f} {height}" role="img" '
           f'aria-label="{html.escape(title)}">')
    yield f'<rect width="100%" height="100%" rx="7" fill="{BACK}"/>'
    for number, colour in enumerate((RED, YELLOW, GREEN)):
        yield (f'<circle cx="{MARGIN + 6 + 18 * number}" cy="{BAR / 2 + 3}" '
               f'r="5" fill="{colour}"/>')
    yield ("<g font-family=\"'DejaVu Sans Mono', Menlo, Consolas, monospace\" "
           f'font-size="{SIZE}" xml:space="preserve" '
           'style="white-space:pre">')
    yield (f'<text x="{width / 2:.0f}" y="{BAR / 2 + 7}" fill="{DIM}" '
           f'text-anchor="middle">{html.escape(title)}</text>')
    for number, line in enumerate(lines):
        yield render_line(line, BAR + MARGIN + LINE * number + SIZE)
    yield "</g>"
    yield "</svg>"


def main(transcript, picture, title="backup.example.test"):
    with open(transcript, encoding="utf-8") as file:
        lines = [line.expandtabs().rstrip() for line in file]
    with open(picture, "w", encoding="utf-8") as file:
        file.write("\n".join(render(lines, title)) + "\n")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])

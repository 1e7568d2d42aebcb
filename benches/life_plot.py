"""Draws the figures of `life.py` as an SVG: processor time of a delivered order over the rate, and the ratio."""

WIDTH, HEIGHT = 720, 330
LEFT, TOP, BOTTOM, PLOT = 60, 44, 56, 640
COLORS = {"floor": "#8a8f98", "waybill": "#0b66c3"}
NAMES = {"floor": "the floor", "waybill": "Waybill"}


def nice_top(value):
    """The next number above that has one digit that is not 0, or 2.5 times one."""
    unit = 1
    while unit * 10 < value:
        unit *= 10
    return next(unit * factor for factor in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if unit * factor >= value)


def text(x, y, content, anchor="middle", size=12, fill="#333", weight="normal"):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}" '
        f'font-weight="{weight}">{content}</text>'
    )


def svg(results):
    """One pair of bars for each rate, from least to most a line over each, the ratio below."""
    names = [name for name in ("floor", "waybill") if name in results[0]]
    top = nice_top(max(result[name]["cpu_us"]["most"] for result in results for name in names))
    height = HEIGHT - TOP - BOTTOM

    def y(value):
        return TOP + height * (1 - value / top)

    store = {"sqlite": "embedded store", "postgres": "PostgreSQL, its processes included"}[results[0]["store"]]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="system-ui, sans-serif" role="img">',
        f"<title>Processor time of a delivered order, {store}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        text(LEFT, 22, f"Processor time of a delivered order, µs ({store})", "start", 14, weight="bold"),
    ]
    for line in range(5):
        value = top * line / 4
        parts.append(f'<line x1="{LEFT}" x2="{LEFT + PLOT}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#e3e6ea"/>')
        parts.append(text(LEFT - 8, y(value) + 4, f"{value:.0f}", "end"))
    step = PLOT / len(results)
    bar = min(44, step / (len(names) + 1))
    for number, result in enumerate(results):
        middle = LEFT + step * (number + 0.5)
        for place, name in enumerate(names):
            of_name = result[name]["cpu_us"]
            x = middle + bar * (place - len(names) / 2)
            parts.append(
                f'<rect x="{x + 2:.1f}" y="{y(of_name["median"]):.1f}" width="{bar - 4:.1f}" '
                f'height="{TOP + height - y(of_name["median"]):.1f}" fill="{COLORS[name]}"/>'
            )
            parts.append(
                f'<line x1="{x + bar / 2:.1f}" x2="{x + bar / 2:.1f}" y1="{y(of_name["least"]):.1f}" '
                f'y2="{y(of_name["most"]):.1f}" stroke="#111" stroke-width="1.5"/>'
            )
            parts.append(text(x + bar / 2, y(of_name["most"]) - 5, f"{of_name['median']:.0f}", size=11))
        rate = "closed loop" if result["rate"] == "closed" else f"{result['rate']}/s"
        parts.append(text(middle, HEIGHT - 36, rate))
        if "ratio" in result:
            parts.append(text(middle, HEIGHT - 18, f"ratio {result['ratio']['median']:.2f}", fill="#555", size=11))
    for place, name in enumerate(names):
        x = LEFT + PLOT - 170 + 90 * place
        parts.append(f'<rect x="{x}" y="12" width="12" height="12" fill="{COLORS[name]}"/>')
        parts.append(text(x + 17, 22, NAMES[name], "start"))
    return "\n".join(parts) + "\n</svg>\n"

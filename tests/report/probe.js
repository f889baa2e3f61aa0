// Measures the page it stands in, when it has been drawn, and tells the frame around it.
addEventListener("load", () => {
  const box = element => element.getBoundingClientRect();
  const flat = rect => [rect.left + scrollX, rect.top + scrollY, rect.width, rect.height];
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 0.5
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 0.5;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  // As a reader finds it; everything else is measured unfolded.
  const found = {
    open: all(".puzzle").map(puzzle => puzzle.open),
    height: document.documentElement.scrollHeight,
    dots: all("#curves .curve.c1 circle").map(circle => { const [x, y, w, h] = flat(box(circle)); return [x + w / 2, y + h / 2]; }),
    answers: all(".puzzle").map(puzzle => all(".sheet .answer svg", puzzle).map(svg => flat(box(svg)))),
  };
  all("details").forEach(details => details.open = true);
  const charts = [...all("#curves .chart"), ...all(".chart").filter(chart => !chart.closest("#curves"))];
  const overlaps = [], outside = [];
  for (const chart of charts) {
    const rules = all(".rule", chart).map(box), base = box(chart.querySelector(".base"));
    const plot = { left: base.left, right: base.right, top: Math.min(...rules.map(rule => rule.top)), bottom: base.bottom };
    const texts = all("svg text", chart);
    texts.forEach((text, at) => {
      if (meet(box(text), plot)) overlaps.push(`${text.textContent} on the plot of ${chart.innerText}`);
      texts.slice(at + 1).forEach(other => {
        if (meet(box(text), box(other))) overlaps.push(`${text.textContent} on ${other.textContent}`);
      });
    });
    for (const line of all("polyline", chart)) {
      const rect = box(line);
      if (rect.width < 5 || rect.left < plot.left - 2 || rect.right > plot.right + 2 || rect.top < plot.top - 13 || rect.bottom > plot.bottom + 3)
        outside.push(chart.innerText);
    }
  }
  // Words on the ground of the page, by WCAG's measure of contrast.
  const channel = part => (part /= 255) <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  const light = colour => {
    const [red, green, blue] = colour.match(/[\d.]+/g).map(Number).map(channel);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = light(getComputedStyle(document.body).backgroundColor);
  const faint = all("h1, .muted, td, th, dt, dd, .good, .bad, figcaption, .chip, .chart text").filter(element => {
    const style = getComputedStyle(element);
    const ink = light(element.closest("svg") ? style.fill : style.color);
    return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05) < 4.5;
  }).map(element => element.textContent);
  const nameless = all("svg[role=img], button, input").filter(element =>
    !element.getAttribute("aria-label") && !element.querySelector("title")).map(element => element.outerHTML.slice(0, 80));
  const result = {
    width: innerWidth,
    "scroll width": document.documentElement.scrollWidth,
    "too wide": all("body *").filter(element => box(element).right > innerWidth + 1 && !element.closest(".scroll")).map(element => element.className).slice(0, 5),
    charts: charts.length,
    points: charts.map(chart => all("polyline", chart.querySelector(".curve")).map(line => line.points.numberOfItems).reduce((a, b) => a + b, 0)),
    stages: all(".controls output").map(output => output.textContent),
    "shown thoughts": all(".now-thoughts").map(thoughts => all(".leaves svg", thoughts).filter(svg => box(svg).width > 50).length),
    ...found, overlaps, outside, faint, nameless,
    // Letters as they are drawn: those of an SVG are scaled with it.
    "smallest letters": Math.min(...all("text, td, th, p, dt, dd, figcaption, summary, small, output, span").filter(element => element.textContent.trim() && box(element).width > 0 && !element.closest("#model")).map(element => {
      const svg = element.closest("svg"), scale = svg ? Math.abs(element.getScreenCTM().a) : 1;
      return parseFloat(getComputedStyle(element).fontSize) * scale;
    })),
  };
  // Last, for it changes what is shown.
  const svg = charts[0].querySelector("svg"), plot = box(svg.querySelector(".base"));
  svg.dispatchEvent(new PointerEvent("pointermove", { clientX: plot.left, clientY: plot.top - 20, bubbles: true }));
  result.tip = charts[0].querySelector(".tip").textContent;
  document.querySelector(".puzzle .play").click();
  result["after play"] = document.querySelector(".controls output").textContent;
  parent.postMessage(JSON.stringify(result), "*");
});

// Values under the pointer, and a player for the steps. Everything it shows is on the page without it too.
"use strict";
document.documentElement.classList.add("js");

const text = (tag, words, parent, name) => {
  const element = parent.appendChild(document.createElement(tag));
  element.textContent = words;
  if (name) element.className = name;
  return element;
};
const short = value => Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3)
  ? value.toExponential(2) : String(Number(value.toPrecision(4)));

for (const figure of document.querySelectorAll(".chart")) {
  const curves = JSON.parse(figure.dataset.points);
  const svg = figure.querySelector("svg"), cursor = svg.querySelector(".cursor"), tip = figure.querySelector(".tip");
  const names = [...figure.querySelectorAll(".key")].map(key => key.childNodes[1].textContent.trim());
  const across = svg.querySelector(".name").textContent;
  const places = [...new Map(curves.flat().map(point => [point[0], point[2]]))].sort((a, b) => a[0] - b[0]);
  let at = -1;
  const show = index => {
    if (!places.length) return;
    at = Math.max(0, Math.min(places.length - 1, index));
    const [value, x] = places[at];
    cursor.setAttribute("transform", `translate(${x} 0)`);
    cursor.removeAttribute("hidden");
    tip.replaceChildren();
    text("b", `${across} ${value.toLocaleString("en-US")}`, tip);
    curves.forEach((points, curve) => {
      const near = points.find(point => point[0] === value);
      if (near) text("div", `${names[curve]}: ${short(near[1])}`, tip);
    });
    tip.hidden = false;
    const scale = svg.clientWidth / svg.viewBox.baseVal.width;
    const left = x * scale + 10;
    tip.style.left = `${left + tip.offsetWidth > figure.clientWidth ? Math.max(0, left - tip.offsetWidth - 20) : left}px`;
  };
  const hide = () => { cursor.setAttribute("hidden", ""); tip.hidden = true; };
  svg.addEventListener("pointermove", event => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
    let best = 0;
    places.forEach((place, index) => {
      if (Math.abs(place[1] - x) < Math.abs(places[best][1] - x)) best = index;
    });
    show(best);
  });
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("blur", hide);
  svg.addEventListener("keydown", event => {
    const move = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: places.length - 1 }[event.key];
    if (event.key === "Escape") hide();
    if (move === undefined) return;
    event.preventDefault();
    show(move);
  });
}

for (const puzzle of document.querySelectorAll(".puzzle")) {
  const steps = [...puzzle.querySelectorAll(".sheet li")];
  if (!steps.length) continue;
  const controls = puzzle.querySelector(".controls"), slider = controls.querySelector("input");
  const output = controls.querySelector("output"), play = controls.querySelector("button");
  const now = puzzle.querySelector(".now"), thoughts = puzzle.querySelector(".now-thoughts");
  let timer = 0;
  const show = step => {
    slider.value = step;
    output.textContent = `step ${step} of ${steps.length}`;
    steps.forEach((item, index) => item.classList.toggle("current", index + 1 === step));
    const item = steps[step - 1];
    now.replaceChildren(...[...item.querySelector(".answer").children].map(child => child.cloneNode(true)));
    const grown = item.querySelector(".grown");
    thoughts.hidden = !grown;
    if (grown) thoughts.replaceChildren(grown.cloneNode(true));
  };
  const pause = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "▶";
    play.setAttribute("aria-label", "play");
  };
  play.addEventListener("click", () => {
    if (timer) return pause();
    if (Number(slider.value) >= steps.length) show(1);
    play.textContent = "❚❚";
    play.setAttribute("aria-label", "pause");
    timer = setInterval(() => {
      if (Number(slider.value) >= steps.length) return pause();
      show(Number(slider.value) + 1);
    }, 700);
  });
  slider.addEventListener("input", () => { pause(); show(Number(slider.value)); });
  steps.forEach((item, index) => item.querySelector(".answer").addEventListener("click", () => { pause(); show(index + 1); }));
  controls.hidden = steps.length < 2;
  now.hidden = false;
  show(steps.length);
}

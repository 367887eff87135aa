"use strict";
const panel = document.getElementById("panel");
const held = panel.querySelector("div");
const search = document.getElementById("search");
const level = document.getElementById("level");
const count = document.getElementById("count");
const sections = [...document.querySelectorAll("main > section[data-text]")];
let opener = null;

function close() {
  if (panel.hidden) return;
  panel.hidden = true;
  if (opener) {
    opener.removeAttribute("aria-current");
    opener.focus();
    opener = null;
  }
}

function open(link) {
  const article = document.getElementById(link.dataset.part);
  if (!article) return;
  if (opener) opener.removeAttribute("aria-current");
  opener = link;
  link.setAttribute("aria-current", "true");
  const copy = article.cloneNode(true);
  copy.removeAttribute("id");
  const heading = copy.querySelector("h3");
  heading.id = "panel-title";
  heading.tabIndex = -1;
  held.replaceChildren(copy);
  panel.hidden = false;
  panel.scrollTop = 0;
  heading.focus();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-part]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    // From within the panel to another part: the drawing's own link is where focus goes back to.
    const drawn = document.querySelector(`.drawing a[data-part="${link.dataset.part}"]`);
    open(drawn || link);
  }
});
panel.querySelector("button").addEventListener("click", close);
const DIRECTIONS = {
  ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0],
};

// The nearest other link of the same drawing, or of the index, in a direction.
function beside(link, [dx, dy]) {
  const middle = (each) => {
    const { x, y, width, height } = each.getBoundingClientRect();
    return [x + width / 2, y + height / 2, width];
  };
  const [x, y] = middle(link);
  let best = null;
  let least = Infinity;
  for (const each of link.closest(".drawing, nav ol").querySelectorAll("a")) {
    const [toX, toY, width] = middle(each);
    const along = (toX - x) * dx + (toY - y) * dy;
    const across = Math.abs((toX - x) * dy) + Math.abs((toY - y) * dx);
    if (width && along > 1 && along >= across / 3 && along + 2 * across < least) {
      least = along + 2 * across;
      best = each;
    }
  }
  return best;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") close();
  const typing = event.target.closest("input, select, textarea");
  const link = event.target.closest(".drawing a, nav ol a");
  const direction = DIRECTIONS[event.key];
  const next = link && direction && beside(link, direction);
  if (next) {
    event.preventDefault();
    next.focus();
  }
  if (event.key === "/" && !typing) {
    event.preventDefault();
    search.focus();
  }
});

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const section of sections) {
    const text = section.dataset.text;
    const levels = section.dataset.levels.split(" ");
    const fits = words.every((word) => text.includes(word)) &&
      (!level.value || levels.includes(level.value));
    section.hidden = !fits;
    document.querySelector(`nav a[href="#${section.id}"]`).parentElement.hidden = !fits;
    shown += fits;
  }
  count.textContent = `${shown} of ${sections.length} shown`;
}
search.addEventListener("input", filter);
level.addEventListener("change", filter);
document.getElementById("filters").hidden = sections.length < 2;

// The page's own script: a card for each target, drawn from server-sent events.
// Everything that others wrote goes in as text, never as HTML.

/* global uPlot */

const SIGNS = { unknown: "○", up: "●", down: "✖", changing: "◐" };
/** Points that a chart looks back on; the monitor keeps more. */
const MAX_POINTS = 300;
const HEIGHT = 178;

const byId = (id) => document.getElementById(id);
const dark = matchMedia("(prefers-color-scheme: dark)");
/** One for each target: its state, its points, its card and its chart. */
let cards = [];

listen();
dark.addEventListener("change", drawAll);
new ResizeObserver(resizeAll).observe(byId("targets"));

function listen() {
  const events = new EventSource("/events");
  events.addEventListener("snapshot", ({ data }) => begin(JSON.parse(data)));
  events.addEventListener("sample", ({ data }) => add(JSON.parse(data)));
  events.addEventListener("alert", ({ data }) => tell([JSON.parse(data)]));
  // The browser connects again by itself, and gets a new snapshot.
  events.addEventListener("error", () => {
    byId("summary").textContent = "The monitor does not answer; trying again…";
    // But not after a refusal: there may have been too many pages.
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 5_000);
  });
}

function begin({ targets, alerts }) {
  cards = targets.map(({ samples, ...state }) => ({
    state,
    samples,
    element: byId("card").content.cloneNode(true).firstElementChild,
    chart: undefined,
  }));
  byId("targets").replaceChildren(...cards.map(({ element }) => element));
  byId("alerts").replaceChildren();
  tell(alerts.reverse());
  cards.forEach(describe);
  drawAll();
  sumUp();
}

function add({ index, state, point }) {
  const card = cards[index];
  card.state = state;
  card.samples.push(point);
  if (card.samples.length > MAX_POINTS) card.samples.shift();
  describe(card);
  card.chart.setData(dataOf(card));
  sumUp();
}

function tell(lines) {
  for (const line of lines) {
    const item = document.createElement("li");
    item.textContent = line;
    byId("alerts").prepend(item);
  }
}

function sumUp() {
  const count = (health) =>
    cards.filter(({ state }) => state.health === health).length;
  const parts = ["up", "down", "unknown"]
    .map((health) => [count(health), health])
    .filter(([number]) => number > 0)
    .map((part) => part.join(" "));
  byId("summary").textContent = `${cards.length} targets: ${parts.join(", ")}`;
  document.title = count("down") > 0 ? `✖ ${count("down")} down` : "Monitor";
}

function describe({ state, element }) {
  const part = (name) => element.querySelector(`.${name}`);
  const kind = state.words.includes("/") ? "changing" : state.health;
  part("state").className = `state ${kind}`;
  part("state").textContent = `${SIGNS[kind]} ${state.words}`;
  part("what").textContent = `${state.check} · ${state.address}`;
  for (
    const name of ["name", "last", "median", "p95", "availability", "detail"]
  ) part(name).textContent = state[name];
}

/** Times, values, and which checks failed, for the crosses. */
function dataOf({ samples }) {
  return [
    samples.map(([at]) => at),
    samples.map(([, value]) => value),
    samples.map(([, , ok]) => ok ? null : 0),
  ];
}

function drawAll() {
  for (const card of cards) {
    card.chart?.destroy();
    const place = card.element.querySelector(".chart");
    card.chart = new uPlot(
      optionsFor(card.state, place.clientWidth),
      dataOf(card),
      place,
    );
  }
}

function resizeAll() {
  for (const { chart, element } of cards) {
    const { clientWidth } = element.querySelector(".chart");
    chart?.setSize({ width: clientWidth, height: HEIGHT });
  }
}

function optionsFor({ unit, check }, width) {
  const color = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);
  const axis = {
    stroke: color("soft"),
    grid: { stroke: color("edge"), width: 1 },
    ticks: { stroke: color("edge"), width: 1 },
    font: "11px system-ui, sans-serif",
    labelFont: "11px system-ui, sans-serif",
    labelSize: 16,
  };
  return {
    width,
    height: HEIGHT,
    padding: [8, 26, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    // From zero: a chart that zooms in on noise makes every hiccup look like a fall.
    scales: { y: { range: (_, _least, most) => [0, (most || 1) * 1.15] } },
    axes: [
      {
        ...axis,
        size: 32,
        space: 80,
        label: "time of day  (✕ failed)",
        values: (_, times) => times.map(clock),
      },
      { ...axis, size: 50, label: labelOf(check, unit) },
    ],
    series: [
      {},
      {
        label: labelOf(check, unit),
        stroke: color("line"),
        fill: color("area"),
        width: 1.5,
        points: { show: false },
      },
      // Not drawn as a line: crossOut() draws it.
      { label: "failed", paths: () => null, points: { show: false } },
    ],
    hooks: { draw: [(chart) => crossOut(chart, color("down"))] },
  };
}

/** A cross on the ground for each check that failed. */
function crossOut(chart, color) {
  const { ctx } = chart;
  const size = 3.5 * devicePixelRatio;
  const [times, , failures] = chart.data;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.beginPath();
  failures.forEach((ground, index) => {
    if (ground === null) return;
    const x = chart.valToPos(times[index], "x", true);
    const y = chart.valToPos(ground, "y", true);
    ctx.moveTo(x - size, y - size);
    ctx.lineTo(x + size, y + size);
    ctx.moveTo(x - size, y + size);
    ctx.lineTo(x + size, y - size);
  });
  ctx.stroke();
  ctx.restore();
}

/** Seconds since 1970 as the time of day, here. */
function clock(seconds) {
  return new Date(seconds * 1_000).toTimeString().slice(0, 8);
}

function labelOf(check, unit) {
  if (check === "certificate") return "days left";
  return check === "throughput" ? `rate, ${unit}` : `time, ${unit}`;
}

"use strict";
// The page of a cluster: live from a stream of events, or with all that was known inside.
const $ = (id) => document.getElementById(id);
const STATES = ["released", "waiting", "queued", "no-worker", "processing", "memory", "erred"];
const SHOWN = [5, 0, 4, 2, 1, 3, 6]; // the order in a progress bar
const TASKS_MAX = 8000, ROW_MIN = 14, FOOT = 18, WORKERS_MAX = 200, NEWS_MAX = 300;
const kept = $("kept") ? JSON.parse($("kept").textContent) : null;
const state = { tasks: [], workers: new Map(), layers: [], news: [], status: null, clock: 0, span: 30, until: null, bars: [], dropped: 0, frozen: null, leftOut: [], chosen: null, filter: "", coming: [], asked: {} };

const element = (name, attributes = {}, ...children) => {
  const made = name === "svg" || ["rect", "path", "text", "g", "title"].includes(name)
    ? document.createElementNS("http:" + "//www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};
const bytes = (n) => {
  let unit = 0;
  for (; n >= 1024 && unit < 5; unit++) n /= 1024;
  return (unit && n < 10 ? n.toFixed(1) : Math.round(n)) + " " + ["B", "KiB", "MiB", "GiB", "TiB", "PiB"][unit];
};
const seconds = (s) => s >= 100 ? Math.round(s) + " s" : s >= 1 ? s.toFixed(1) + " s" : s >= 1e-3 ? (s * 1e3).toFixed(1) + " ms" : Math.round(s * 1e6) + " µs";
const count = (n) => n >= 1e6 ? (n / 1e6).toFixed(1) + " M" : n >= 1e4 ? Math.round(n / 1e3) + " k" : String(n);
const layerOf = (key) => { const m = /^\(?'?(.*?)(-[0-9a-f]{8,})?'?(,.*)?\)?$/.exec(key); return m ? m[1] : key; };
const colours = new Map();
const colour = (layer) => {
  if (!colours.has(layer)) {
    let hash = 0;
    for (const c of layer) hash = (hash * 31 + c.charCodeAt(0)) >>> 0;
    colours.set(layer, `hsl(${(hash * 137) % 360} 55% 50%)`);
  }
  return colours.get(layer);
};
const some = (n, what) => `${count(n)} ${what}${n === 1 ? "" : "s"}`;
const meter = (parts, total, label, say = count) => {
  const svg = element("svg", { class: "meter", viewBox: "0 0 1000 10", preserveAspectRatio: "none", role: "img", "aria-label": label });
  let x = 0;
  for (const [name, n] of parts) {
    const width = total ? 1000 * n / total : 0;
    svg.append(element("rect", { class: name, x, y: 0, width, height: 10 }, element("title", {}, `${label}: ${say(n)}`)));
    x += width;
  }
  return svg;
};

// What the API answers, or why it does not.
const ask = async (path) => {
  try {
    const answer = await fetch(path), body = await answer.json().catch(() => ({}));
    return answer.ok ? { body } : { error: body.error ?? `the scheduler answers ${answer.status} ${answer.statusText}` };
  } catch {
    return { error: "the scheduler does not answer: try again when it is there" };
  }
};

// Tabs: click, digits, arrows.
const tabs = [...document.querySelectorAll("[role=tab]")];
const show = (id) => {
  for (const tab of tabs) {
    const here = tab.getAttribute("aria-controls") === id;
    tab.setAttribute("aria-selected", here);
    tab.tabIndex = here ? 0 : -1;
    $(tab.getAttribute("aria-controls")).hidden = !here;
  }
  if (id === "graph") drawGraph();
  look();
  if (!kept) history.replaceState(null, "", "#" + id);
  render();
};
// A link may lead to a view, or to a task's story: #workers, #story=KEY.
const follow = () => {
  const [id, key] = decodeURIComponent(location.hash.slice(1)).split(/=(.*)/s);
  if (!tabs.some((tab) => tab.getAttribute("aria-controls") === id)) return;
  show(id);
  if (key) tell(key);
};
for (const tab of tabs) tab.addEventListener("click", () => show(tab.getAttribute("aria-controls")));
document.querySelector("nav").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
  next.focus();
  next.click();
});
document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey) return;
  const at = "1234567".indexOf(event.key);
  if (at >= 0) { tabs[at].click(); tabs[at].focus(); }
});
$("theme").addEventListener("click", () => {
  const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "light" : "dark";
  render();
});

// The task stream: a row a worker, lanes where tasks overlap. Rows that do not fit are scrolled to.
const canvas = $("stream"), scroller = $("rows");
const pause = (on) => {
  state.until = on ? state.until ?? state.clock : null;
  // What is looked at stays, however many tasks come while it is.
  state.frozen = on ? state.frozen ?? { tasks: state.tasks.slice(), dropped: state.dropped } : null;
  $("pause").setAttribute("aria-pressed", on);
  $("pause").textContent = on ? "Go on" : "Pause";
  drawStream();
};
const zoom = (by) => { state.span = Math.min(3600, Math.max(0.001, state.span * by)); drawStream(); };
const move = (by) => { pause(true); state.until += by * state.span; drawStream(); };
$("pause").addEventListener("click", () => pause(state.until === null));
$("in").addEventListener("click", () => zoom(0.5));
$("out").addEventListener("click", () => zoom(2));
canvas.addEventListener("wheel", (event) => { if (event.ctrlKey || event.shiftKey) { event.preventDefault(); zoom(event.deltaY > 0 ? 1.25 : 0.8); } }, { passive: false });
canvas.addEventListener("keydown", (event) => {
  const act = { " ": () => pause(state.until === null), "+": () => zoom(0.5), "-": () => zoom(2), ArrowLeft: () => event.shiftKey ? move(-0.2) : step(-1, 0), ArrowRight: () => event.shiftKey ? move(0.2) : step(1, 0),
    ArrowUp: () => step(0, -1), ArrowDown: () => step(0, 1), Escape: () => choose(null), Enter: () => state.chosen && open(state.chosen) }[event.key];
  if (act) { event.preventDefault(); act(); }
});
let dragged = null;
canvas.addEventListener("pointerdown", (event) => { dragged = { x: event.offsetX, moved: 0 }; });
canvas.addEventListener("pointermove", (event) => {
  if (dragged && event.buttons) {
    const by = (dragged.x - event.offsetX) / canvas.clientWidth;
    dragged = { x: event.offsetX, moved: dragged.moved + Math.abs(by) };
    if (dragged.moved > 0.01) move(by);
    return;
  }
  const bar = find(event);
  if (bar) say(bar.task);
});
canvas.addEventListener("pointerup", (event) => {
  const bar = dragged && dragged.moved < 0.01 ? find(event) : null;
  dragged = null;
  if (!bar) return;
  // A finger cannot point at a bar without touching it: the first tap says what it is, the second tells its story.
  if (event.pointerType === "mouse" || state.chosen === bar.task) open(bar.task);
  else choose(bar);
});
canvas.addEventListener("pointercancel", () => { dragged = null; });
scroller.addEventListener("scroll", () => requestAnimationFrame(drawStream));
for (const input of document.querySelectorAll(".filter")) input.addEventListener("input", () => {
  state.filter = input.value.trim().toLowerCase();
  for (const other of document.querySelectorAll(".filter")) other.value = input.value;
  render();
});
const named = (id) => !state.filter || workerName(id).toLowerCase().includes(state.filter);
// The bar that is pointed at; a finger may miss it by a little.
const find = (event) => {
  const slack = event.pointerType === "mouse" ? 0 : 8, [x, y] = [event.offsetX, event.offsetY];
  const away = (bar) => Math.hypot(Math.max(bar.x - x, 0, x - bar.x - bar.w), Math.max(bar.y - y, 0, y - bar.y - bar.h));
  let best = null;
  for (const bar of y < canvas.clientHeight - FOOT ? state.bars : [])
    if (away(bar) <= slack && (!best || away(bar) <= away(best))) best = bar;
  return best;
};
const open = (task) => { show("story"); tell(task.key); };
const say = (task) => { $("hover").textContent = `${task.key} · ${workerName(task.worker)} · ${seconds(task.took)} · ${bytes(task.nbytes)}${task.failed ? " · failed" : ""}`; };
const choose = (bar) => {
  state.chosen = bar?.task ?? null;
  if (bar) {
    say(bar.task);
    const below = bar.y + bar.h - (canvas.clientHeight - FOOT);
    if (bar.y < 0 || below > 0) scroller.scrollTop += bar.y < 0 ? bar.y : below;
  }
  drawStream();
};
// Chooses the bar before or after in its row, or the nearest in time of the row above or below.
const step = (along, down) => {
  const at = state.bars.find((bar) => bar.task === state.chosen), begins = (bar) => bar.task.at - bar.task.took;
  if (!at) return choose(state.bars.reduce((last, bar) => !last || begins(last) <= begins(bar) ? bar : last, null));
  let to;
  if (along) {
    const row = state.bars.filter((bar) => bar.row === at.row);
    to = row[row.indexOf(at) + along];
  } else {
    const rows = state.bars.map((bar) => bar.row).filter((row) => (row - at.row) * down > 0);
    const next = down > 0 ? Math.min(...rows) : Math.max(...rows), off = (bar) => Math.abs(bar.task.at - at.task.at);
    for (const bar of state.bars) if (bar.row === next && (!to || off(bar) < off(to))) to = bar;
  }
  if (to) choose(to);
};
const workerName = (id) => state.workers.get(id)?.name ?? "worker " + id;
// The tasks that are known: while paused, those too that would have made room for newer ones.
const known = () => state.frozen ? [...state.frozen.tasks.slice(0, state.dropped - state.frozen.dropped), ...state.tasks] : state.tasks;

function drawStream() {
  if ($("tasks").hidden) return;
  const scale = devicePixelRatio || 1, [w, h] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = w * scale; canvas.height = h * scale;
  const on = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
  on.scale(scale, scale);
  const until = state.until ?? state.clock, from = until - state.span, gutter = w < 500 ? 60 : 110, wide = w - gutter;
  const every = known().filter((task) => from < task.at && task.at - task.took < until);
  const all = [...new Set([...state.workers.keys(), ...every.map((task) => task.worker)])].sort((a, b) => a - b);
  const rows = all.filter(named), place = new Map(rows.map((id, i) => [id, i])), seen = every.filter((task) => place.has(task.worker));
  const tall = Math.max(h - FOOT, rows.length * ROW_MIN), row = tall / Math.max(1, rows.length);
  $("tall").style.height = tall + FOOT + "px";
  const top = scroller.scrollTop;
  state.bars = [];
  const lanes = new Map();
  for (const task of seen.sort((a, b) => a.at - a.took - (b.at - b.took))) {
    const ends = lanes.get(task.worker) ?? lanes.set(task.worker, []).get(task.worker);
    let lane = ends.findIndex((end) => end <= task.at - task.took + 1e-4);
    // Ends are known when they are reported: what seems to overlap on one thread does not.
    if (lane < 0) lane = Math.min(ends.length, (state.workers.get(task.worker)?.threads ?? 1) - 1);
    ends[lane] = task.at;
    state.bars.push({ task, lane });
  }
  for (const bar of state.bars) {
    const n = lanes.get(bar.task.worker).length, each = row / n;
    const start = Math.max(0, (bar.task.at - bar.task.took - from) / state.span);
    bar.x = gutter + start * wide;
    bar.w = Math.max(1, (Math.min(1, (bar.task.at - from) / state.span) - start) * wide);
    bar.row = place.get(bar.task.worker);
    bar.y = bar.row * row + bar.lane * each - top;
    bar.h = Math.max(0.7, each - (each > 4 ? 1 : 0));
    if (bar.y + bar.h < 0 || h - FOOT < bar.y) continue;
    on.fillStyle = bar.task.failed ? style.getPropertyValue("--erred") : colour(layerOf(bar.task.key));
    on.fillRect(bar.x, bar.y, bar.w, bar.h);
  }
  const chosen = state.bars.find((bar) => bar.task === state.chosen);
  if (chosen) {
    on.strokeStyle = style.getPropertyValue("--fg");
    on.lineWidth = 2;
    on.strokeRect(chosen.x - 1, chosen.y - 1, chosen.w + 2, chosen.h + 2);
  }
  on.fillStyle = style.getPropertyValue("--soft");
  on.font = "11px system-ui, sans-serif";
  for (let i = Math.floor(top / row); i < Math.min(rows.length, Math.ceil((top + h) / row)); i++)
    on.fillText(workerName(rows[i]).slice(0, w < 500 ? 9 : 18), 4, i * row + row / 2 + 4 - top);
  // The times stand below all rows.
  on.fillStyle = style.getPropertyValue("--panel");
  on.fillRect(0, h - FOOT, w, FOOT);
  on.fillStyle = style.getPropertyValue("--soft");
  for (let i = 0; i <= 4; i++) {
    const at = from + state.span * i / 4;
    if (at < 0) continue; // before the scheduler's start
    on.textAlign = i === 0 ? "left" : i === 4 ? "right" : "center";
    on.fillText(seconds(at), gutter + wide * i / 4, h - 5);
  }
  on.textAlign = "left";
  const missing = state.leftOut.reduce((sum, some) => from < some.at && some.at <= until ? sum + some.n : sum, 0);
  $("left-out").textContent = [rows.length < all.length ? `${rows.length} of ${all.length} workers` : "",
    missing ? `${count(missing)} more tasks ended in this time than are drawn` : ""].filter(Boolean).join(" · ");
  if (!seen.length) { on.textAlign = "center"; on.fillText("no task ended in this time", w / 2, h / 2); on.textAlign = "left"; }
}

function renderProgress() {
  const rows = state.layers.map((layer) => {
    const total = layer.states.reduce((a, b) => a + b, 0), done = layer.states[0] + layer.states[5];
    const label = STATES.map((name, i) => `${name} ${layer.states[i]}`).join(", ");
    return element("div", { class: "layer" }, element("span", { title: layer.what }, layer.what),
      meter(SHOWN.map((i) => ["s" + i, layer.states[i]]), total, `${layer.what}: ${label}`),
      element("span", { class: "n" }, `${count(done)} / ${count(total)}`));
  });
  $("progress").replaceChildren(...(rows.length ? rows : [element("p", { class: "hint" }, "no tasks")]));
  const spent = state.layers.filter((layer) => layer.measured).map((layer) => ({ ...layer, time: layer.measured * layer.nanos / 1e9 }));
  const most = Math.max(...spent.map((layer) => layer.time), 1e-9);
  $("profile").replaceChildren(...spent.sort((a, b) => b.time - a.time).slice(0, 20).map((layer) => element("div", { class: "layer" },
    element("span", { title: layer.what }, layer.what), meter([["time", layer.time]], most, `${layer.what}: ${layer.measured} tasks of ${seconds(layer.nanos / 1e9)}`, seconds),
    element("span", { class: "n" }, `${count(layer.measured)} × ${seconds(layer.nanos / 1e9)}`))));
}

function renderWorkers() {
  if ($("workers").hidden) return;
  const all = [...state.workers.values()].filter((worker) => named(worker.id)).sort((a, b) => b.resident - a.resident || a.id - b.id);
  const rows = all.slice(0, WORKERS_MAX).map((worker) => {
    const unmanaged = Math.max(0, worker.resident - worker.managed), total = Math.max(worker.limit, worker.managed + unmanaged + worker.spilled, 1);
    const said = `${bytes(worker.managed)} values, ${bytes(unmanaged)} other, ${bytes(worker.spilled)} on disk` + (worker.limit ? `, of ${bytes(worker.limit)}` : "");
    const rate = worker.rates ? `${bytes(worker.rates[0])}/s / ${bytes(worker.rates[1])}/s` : `${bytes(worker.received)} / ${bytes(worker.sent)}`;
    const cells = [worker.name, worker.status, worker.threads, worker.cpu + " %", null, rate, worker.executing, worker.processing, count(worker.held)];
    return element("tr", {}, ...cells.map((cell, i) => i === 4
      ? element("td", { class: "memory" }, meter([["managed", worker.managed], ["unmanaged", unmanaged], ["spilled", worker.spilled]], total, said, bytes), element("small", {}, said))
      : element("td", i > 1 ? { class: "n" } : {}, String(cell))));
  });
  $("workers-table").tBodies[0].replaceChildren(...rows);
  $("workers-more").textContent = all.length > WORKERS_MAX ? `the ${WORKERS_MAX} with most memory, of ${state.filter ? all.length : state.status?.workers ?? all.length}; all are in the API` : all.length ? "" : state.filter ? "no worker is called so" : "no workers";
}

// What is asked for only while somebody looks at it.
async function look() {
  const path = !$("transfers").hidden ? "transfers" : !$("activity").hidden ? "layers" : null;
  if (!path) return;
  const { body, error } = kept ? { body: kept[path] } : await ask("api/v1/" + path);
  state.asked[path] = error ? { error } : body;
  renderTransfers(); renderSeen();
  if (path === "layers") lookAtCalls();
}
if (!kept) setInterval(look, 2000);

function renderTransfers() {
  if ($("transfers").hidden) return;
  const { transfers = [], pairs = 0, error } = state.asked.transfers ?? {}, of = (name) => !state.filter || name.toLowerCase().includes(state.filter);
  const all = transfers.filter((one) => of(one.from) || of(one.to)), most = Math.max(1, ...all.map((one) => one.bytes));
  $("transfers-table").tBodies[0].replaceChildren(...all.slice(0, WORKERS_MAX).map((one) => element("tr", {}, element("td", {}, one.from), element("td", {}, one.to),
    element("td", { class: "bytes" }, meter([["time", one.bytes]], most, `${one.from} to ${one.to}`, bytes), element("small", {}, bytes(one.bytes))),
    ...[count(one.requests), one.seconds ? bytes(one.bytes / one.seconds) + "/s" : "", seconds(one.last)].map((text) => element("td", { class: "n" }, text)))));
  $("transfers-more").classList.toggle("error", !!error);
  $("transfers-more").textContent = error ?? (all.length ? `${all.length > WORKERS_MAX || pairs > transfers.length ? `the ${Math.min(all.length, WORKERS_MAX)} with most bytes, of ${some(pairs, "pair")} of workers; ` : ""}the rate is that of a request, from asking to its end`
    : state.filter ? "no worker that is called so sent or received values" : "no value went from one worker to another yet");
}

function renderSeen() {
  if ($("activity").hidden) return;
  const layers = state.asked.layers ?? [], kinds = [["computing", "computing"], ["system", "system"], ["waiting", "idle"], ["disk", "disk"]];
  const all = (layers.error ? [] : layers).map((layer) => ({ what: layer.layer, seen: layer.seconds_seen, sum: Object.values(layer.seconds_seen).reduce((a, b) => a + b, 0) })).filter((layer) => layer.sum);
  const most = Math.max(1e-9, ...all.map((layer) => layer.sum)), total = all.reduce((sum, layer) => sum + layer.sum, 0);
  $("seen").replaceChildren(...all.sort((a, b) => b.sum - a.sum).slice(0, 60).map((layer) => element("div", { class: "layer" }, element("span", { title: layer.what }, layer.what),
    meter(kinds.map(([kind, name]) => [name, layer.seen[kind]]), most, `${layer.what}: ` + kinds.map(([kind]) => `${kind} ${seconds(layer.seen[kind])}`).join(", "), seconds),
    element("span", { class: "n" }, `${seconds(layer.sum)} · ${Math.round(100 * layer.sum / total)} %`))));
  $("seen-note").classList.toggle("error", !!layers.error);
  $("seen-note").textContent = layers.error ?? (all.length ? `${seconds(total)} of threads that ran tasks, looked at fifty times a second` : "no thread was seen at a task yet");
}

// The flame graph of a layer: a bar a function, below its caller. Calls are known by the names on the way to them, for
// their places change while workers look on.
const flame = { layer: null, profile: null, calls: [], chosen: null, top: null, drawn: [] };
async function lookAtCalls() {
  const all = Array.isArray(state.asked.layers) ? state.asked.layers : [], time = (layer) => Object.values(layer.seconds_seen).reduce((a, b) => a + b, 0);
  const names = all.filter((layer) => time(layer) || layer.layer === flame.layer).sort((a, b) => time(b) - time(a)).slice(0, 60).map((layer) => layer.layer), select = $("of-layer");
  if (!names.includes(flame.layer)) flame.layer = names[0] ?? null;
  if ([...select.options].map((option) => option.value).sort().join("\n") !== [...names].sort().join("\n"))
    select.replaceChildren(...names.map((name) => element("option", { value: name }, name)));
  select.value = flame.layer ?? "";
  select.disabled = !names.length;
  const layer = flame.layer;
  if (layer === null) { flame.profile = null; flame.calls = []; renderFlame(); return; }
  const { body, error } = kept ? { body: kept.profiles?.[layer] ?? { calls: [] } } : await ask(`api/v1/layers/${encodeURIComponent(layer)}/profile`);
  if (flame.layer !== layer) return; // another was chosen meanwhile
  flame.profile = error ? { error, calls: [] } : body;
  flame.calls = [];
  for (const call of flame.profile.calls) {
    const caller = call.caller === null ? null : flame.calls[call.caller];
    flame.calls.push({ ...call, caller, depth: caller ? caller.depth + 1 : 0, path: (caller ? caller.path + "\n" : "") + call.function, calls: [] });
    caller?.calls.push(flame.calls.at(-1));
  }
  renderFlame();
}
$("of-layer").addEventListener("change", (event) => { Object.assign(flame, { layer: event.target.value, chosen: null, top: null }); lookAtCalls(); });
$("whole").addEventListener("click", () => { flame.top = null; renderFlame(); });
const called = (path) => flame.calls.find((call) => call.path === path) ?? null;
const crate = (name) => /^[<&*\s]*(?:dyn |impl )?([\w[\]. -]+)/.exec(name)?.[1] ?? name;
// The last parts of a name, without types in angle brackets: `<a::B as c::D>::run<T>` is `B::run`.
const short = (name) => {
  const method = /^<[&*]?(?:mut )?(.*?)(?: as .*)?>(::[^>]*.*)$/.exec(name);
  let text = (method ? method[1] + method[2] : name).replaceAll("->", "");
  for (let before = null; before !== text;) { before = text; text = text.replace(/<[^<>]*>/g, ""); }
  return text.split("::").filter(Boolean).slice(-2).join("::") || name;
};
function renderFlame() {
  if ($("activity").hidden) return;
  const svg = $("flame"), wide = svg.clientWidth || 1, tall = 20, total = flame.profile?.seconds ?? 0, top = called(flame.top);
  if (!top) flame.top = null;
  flame.drawn = [];
  const place = (call, x, per, y) => {
    const width = call.seconds * per;
    if (width < 1.5) return;
    flame.drawn.push({ call, x, y, width });
    let at = x;
    for (const below of [...call.calls].sort((a, b) => b.seconds - a.seconds)) { place(below, at, per, y + 1); at += below.seconds * per; }
  };
  const above = [];
  for (let call = top?.caller; call; call = call.caller) above.unshift(call);
  above.forEach((call, y) => flame.drawn.push({ call, x: 0, y, width: wide, above: true }));
  if (top) place(top, 0, wide / Math.max(top.seconds, 1e-9), above.length);
  else {
    let at = 0;
    for (const call of flame.calls.filter((call) => !call.caller).sort((a, b) => b.seconds - a.seconds)) { place(call, at, wide / Math.max(total, 1e-9), 0); at += call.seconds * wide / Math.max(total, 1e-9); }
  }
  const chosen = called(flame.chosen), height = tall * (1 + Math.max(-1, ...flame.drawn.map((bar) => bar.y)));
  svg.style.height = height + "px";
  svg.setAttribute("viewBox", `0 0 ${wide} ${height || 1}`);
  svg.replaceChildren(...flame.drawn.map((bar, i) => {
    const { call, x, y, width } = bar, said = sayCall(call), room = Math.floor((width - 6) / 6.7);
    const name = call.function.length <= room ? call.function : short(call.function), shown = name.length <= room ? name : room > 3 ? name.slice(0, room - 1) + "…" : "";
    const node = element("g", { id: "call-" + i, role: "treeitem", "aria-level": call.depth + 1, "aria-label": said, "aria-selected": call === chosen, class: (call === chosen ? "chosen" : "") + (bar.above ? " above" : "") },
      element("title", {}, said), element("rect", { x, y: y * tall, width, height: tall - 1, rx: 2, fill: colour(crate(call.function)).replace("50%)", "72%)") }), element("text", { x: x + 4, y: y * tall + 14 }, shown));
    node.addEventListener("click", () => { chooseCall(call); widen(call); });
    node.addEventListener("pointerenter", () => { $("frame").textContent = said; });
    return node;
  }));
  const at = flame.drawn.findIndex((bar) => bar.call === chosen);
  if (at >= 0) svg.setAttribute("aria-activedescendant", "call-" + at); else svg.removeAttribute("aria-activedescendant");
  svg.tabIndex = flame.drawn.length ? 0 : -1;
  $("whole").disabled = !flame.top;
  const { error, cut_seconds: cut, calls_known: known } = flame.profile ?? {}, notes = [];
  if (flame.calls.length) notes.push(`${seconds(total)} of threads, sampled`);
  if (known > flame.calls.length) notes.push(`the ${count(flame.calls.length)} calls with most time, of ${count(known)}`);
  if (cut) notes.push(`${seconds(cut)} are counted at callers`);
  const off = "no call stacks of this layer: workers sample them, on Linux, if they are started with dask worker --profile, with LocalCluster::builder().profile(true), or with distributed.worker.profile.enabled set";
  $("flame-note").classList.toggle("error", !!error);
  $("flame-note").textContent = error ?? (notes.join(" · ") || (flame.layer === null ? "" : kept ? "no call stacks of this layer were sampled" : off));
  if (!flame.calls.length) $("frame").textContent = "";
  else if (!$("frame").textContent) $("frame").textContent = "Point at a bar, or choose one with the arrow keys, for its name and time; click it, or press enter, to see it alone.";
}
const sayCall = (call) => `${call.function} · ${seconds(call.seconds)} (${(100 * call.seconds / Math.max(flame.profile.seconds, 1e-9)).toFixed(1)} %), ${seconds(call.self_seconds)} in itself`;
const chooseCall = (call) => { flame.chosen = call.path; $("frame").textContent = sayCall(call); };
const widen = (call) => { flame.top = call.path; renderFlame(); };
$("flame").addEventListener("keydown", (event) => {
  const at = flame.drawn.findIndex((bar) => bar.call.path === flame.chosen), bar = flame.drawn[at];
  const beside = (by) => { const row = flame.drawn.filter((other) => other.y === bar.y).sort((a, b) => a.x - b.x); return row[row.indexOf(bar) + by]; };
  const go = { ArrowUp: () => bar && flame.drawn.find((other) => other.call === bar.call.caller), ArrowDown: () => bar ? flame.drawn.find((other) => other.call.caller === bar.call) : flame.drawn[0],
    ArrowLeft: () => bar && beside(-1), ArrowRight: () => bar && beside(1), Home: () => flame.drawn[0] }[event.key];
  if (go) { event.preventDefault(); const next = go() ?? (bar || flame.drawn[0]); if (next) chooseCall(next.call); renderFlame(); }
  if (event.key === "Enter" && bar) { event.preventDefault(); widen(bar.call); }
  if (event.key === "Escape") { event.preventDefault(); flame.top = null; renderFlame(); }
});

function renderEvents() {
  if ($("events").hidden) return;
  $("news").replaceChildren(...(state.news.length ? [...state.news].reverse().map((news) => element("li", {}, element("time", {}, seconds(news.seconds)), news.text)) : [element("li", {}, "nothing yet")]));
}

function render() {
  const status = state.status;
  if (status) {
    const by = status.tasks_by_state;
    $("summary").textContent = `${some(status.workers, "worker")} · ${some(status.clients, "client")} · ${count(by.processing)} processing · ${count(by.waiting + by.queued)} waiting · ${count(by.memory)} in memory · ${count(by.erred)} erred · ${count(status.ended)} ended`;
  }
  drawStream(); renderProgress(); renderWorkers(); renderTransfers(); renderSeen(); renderEvents();
}

// The graph: columns by depth.
async function drawGraph() {
  const { body: graph, error } = kept ? { body: kept.graph } : await ask("api/v1/graph");
  $("graph-note").classList.toggle("error", !!error);
  if (error) { $("graph-note").textContent = error; $("drawing").replaceChildren(); return; }
  const n = graph.tasks?.length ?? 0, depth = new Array(n).fill(0), into = Array.from({ length: n }, () => []);
  for (const [from, to] of graph.edges ?? []) into[to].push(from);
  const visit = (i, guard = 0) => depth[i] || !into[i].length || guard > n ? depth[i] : (depth[i] = 1 + Math.max(...into[i].map((j) => visit(j, guard + 1))));
  for (let i = 0; i < n; i++) visit(i);
  const rows = [], at = depth.map((d) => { rows[d] = (rows[d] ?? 0) + 1; return rows[d] - 1; });
  const [dx, dy] = [190, 22], tall = Math.max(1, ...rows.map((r) => r ?? 0));
  const x = (i) => 10 + depth[i] * dx, y = (i) => 12 + (at[i] + (tall - rows[depth[i]]) / 2) * dy;
  const [width, height] = [20 + rows.length * dx, 12 + tall * dy];
  const svg = element("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${n} tasks` });
  for (const [a, b] of graph.edges ?? []) svg.append(element("path", { d: `M${x(a) + 14},${y(a)} C${x(a) + 90},${y(a)} ${x(b) - 60},${y(b)} ${x(b)},${y(b)}` }));
  (graph.tasks ?? []).forEach(([key, name], i) => {
    const node = element("g", { tabindex: 0, role: "button" }, element("title", {}, `${key}: ${name}`),
      element("rect", { class: "s" + STATES.indexOf(name), x: x(i), y: y(i) - 7, width: 14, height: 14, rx: 3 }), element("text", { x: x(i) + 18, y: y(i) + 4 }, layerOf(key).slice(0, 20)));
    node.addEventListener("click", () => open({ key }));
    node.addEventListener("keydown", (event) => { if (event.key === "Enter") open({ key }); });
    svg.append(node);
  });
  $("drawing").replaceChildren(svg);
  $("graph-note").textContent = graph.truncated ? "there are more tasks than are drawn" : n ? `${some(n, "task")}; colours as in the progress bars` : "no tasks are known now";
}
$("draw").addEventListener("click", drawGraph);

// A task's story.
async function tell(key) {
  $("key").value = key;
  if (!kept) history.replaceState(null, "", "#story=" + encodeURIComponent(key));
  if (kept) { $("told").replaceChildren(element("p", { class: "hint" }, "stories are told while the cluster lives")); return; }
  const { body: story, error } = await ask("api/v1/task/" + encodeURIComponent(key));
  if ($("key").value !== key) return; // another was asked for meanwhile
  if (error) { $("told").replaceChildren(element("p", { class: "error" }, error)); return; }
  const links = (list, n) => {
    const items = list.flatMap(([other, name]) => {
      const link = element("a", { href: "#" }, other);
      link.addEventListener("click", (event) => { event.preventDefault(); tell(other); });
      return [link, ` (${name}) `];
    });
    return [...items, n > list.length ? `and ${n - list.length} more` : list.length ? "" : "none"];
  };
  const rows = [["state", story.state], ["now", story.story], ["layer", story.layer], ["attempts", `${story.attempts}, ${story.retries} more after an error`],
    ["usually takes", seconds(story.usual_seconds)], ["value", story.nbytes ? bytes(story.nbytes) : "none"], ["held by", story.holders.join(", ") || "nobody"], ["wanted by", `${story.wanted} futures or names`]];
  const list = element("dl", {}, ...rows.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, String(text))]),
    ...(story.transitions.length ? [element("dt", {}, "so far"), element("dd", {}, element("ol", { class: "times" }, ...story.transitions.map(([at, name, on]) =>
      element("li", {}, element("time", {}, at.toFixed(3) + " s"), on ? `${name} on ${on}` : name))))] : []),
    element("dt", {}, "needs"), element("dd", {}, ...links(story.dependencies, story.n_dependencies)),
    element("dt", {}, "needed by"), element("dd", {}, ...links(story.dependents, story.n_dependents)));
  for (const [name, lines] of [["workers that died", story.deaths], ["error chain", story.error_chain]])
    if (lines.length) list.append(element("dt", {}, name), element("dd", { class: "error" }, ...lines.flatMap((line) => [line, element("br")])));
  $("told").replaceChildren(list);
}
$("ask").addEventListener("submit", (event) => { event.preventDefault(); tell($("key").value.trim()); });

function take(push) {
  state.status = push.status;
  state.clock = Math.max(state.clock, push.status.seconds);
  state.layers = push.layers;
  state.tasks.push(...push.tasks);
  state.dropped += state.tasks.splice(0, Math.max(0, state.tasks.length - TASKS_MAX)).length;
  if (push.left_out) state.leftOut.push({ at: state.clock, n: push.left_out });
  state.leftOut = state.leftOut.slice(-7200);
  state.news.push(...push.news);
  state.news.splice(0, Math.max(0, state.news.length - NEWS_MAX));
  state.coming.push(...(push.workers ?? []));
  // Those of many workers come in several pushes.
  if (push.workers && !push.more) {
    const before = state.workers, passed = state.clock - (state.measured ?? state.clock);
    state.workers = new Map(state.coming.splice(0).map((worker) => {
      const old = before.get(worker.id);
      if (old && passed > 0) worker.rates = [Math.max(0, worker.received - old.received) / passed, Math.max(0, worker.sent - old.sent) / passed];
      return [worker.id, worker];
    }));
    state.measured = state.clock;
  }
  render();
}

if (kept) {
  document.title = "Dask performance report";
  document.querySelector("h1").textContent = document.title;
  document.querySelector("footer").remove();
  const tasks = kept.tasks.map((task) => ({ at: task.ended, took: task.seconds, worker: task.worker, key: task.key, nbytes: task.bytes, failed: task.failed }));
  const starts = tasks.map((task) => task.at - task.took), end = Math.max(0, ...tasks.map((task) => task.at));
  const start = starts.length ? starts.reduce((a, b) => Math.min(a, b)) : 0;
  const layers = kept.layers.map((layer) => ({ what: layer.layer, states: STATES.map((name) => layer.tasks[name]), nanos: layer.average_seconds * 1e9, nbytes: layer.average_bytes, measured: layer.measured }));
  const workers = kept.workers.map((worker) => ({ id: worker.id, name: worker.name, status: worker.status, threads: worker.threads, limit: worker.memory_limit, resident: worker.memory, managed: worker.managed, spilled: worker.spilled, cpu: Math.round(worker.cpu_percent), executing: worker.executing, processing: worker.processing, held: worker.values, received: worker.received, sent: worker.sent }));
  take({ status: kept.status, layers, tasks, news: kept.news, workers });
  state.leftOut = [{ at: end, n: Math.max(0, kept.status.ended - tasks.length) }];
  state.span = Math.max(0.001, (end - start) * 1.02);
  state.until = end;
  pause(true);
  drawGraph();
} else {
  const source = new EventSource("api/v1/stream");
  source.onmessage = (message) => {
    const push = JSON.parse(message.data);
    push.layers = push.layers.map(([what, states, nanos, nbytes, measured]) => ({ what, states, nanos, nbytes, measured }));
    push.tasks = push.tasks.map(([at, micros, worker, key, nbytes, failed]) => ({ at, took: micros / 1e6, worker, key, nbytes, failed: failed === 1 }));
    push.workers = push.workers.map(([id, name, threads, limit, resident, managed, spilled, cpu, executing, processing, held, received, sent, status, occupancy]) =>
      ({ id, name, threads, limit, resident, managed, spilled, cpu, executing, processing, held, received, sent, status, occupancy }));
    take(push);
  };
  source.onerror = () => { $("summary").textContent = "the scheduler does not answer; trying again"; };
}
addEventListener("resize", () => { render(); renderFlame(); });
addEventListener("hashchange", follow);
follow();

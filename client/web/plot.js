//  Lines over time, drawn as SVG: an axis, a legend, values where the pointer or the arrow keys are.
import { h, put, set, svg } from "./dom.js";
import { timeOfDay, timeWithSeconds } from "./format.js";
import { T } from "./text.js";

const WIDTH = 640, HEIGHT = 180, LEFT = 4, RIGHT = WIDTH - 64, TOP = 10, BOTTOM = HEIGHT - 24;
const POINTS_MAX = 320;  //  More than the eye sees; the highest of each bin stays

//  series: [{ key, name }], colours by CSS class "series-KEY". format: a value for people. Gives { element, draw }.
export function plot({ title, series, format }) {
	const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `${title}: ${T.cluster.noHistory}`,
		tabindex: 0, onpointermove: point, onpointerleave: unpoint, onblur: unpoint, onkeydown: event => {
			const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
			if (step && times.length) {
				event.preventDefault();
				show(Math.max(0, Math.min(times.length - 1, (at ?? times.length) + step)));
			}
		} });
	const labels = h("div.plot-labels", { "aria-hidden": "true" }, h("p.none", T.cluster.noHistory));
	const tip = h("div.plot-tip", { hidden: true, role: "status" });
	const now = series.map(() => h("strong"));
	const legend = h("ul.legend", { hidden: series.length < 2 }, series.map(({ key, name }, n) => h("li", { class: `series-${key}` }, h("span.swatch"), name, " ", now[n])));
	const cursor = svg("line", { class: "cursor", y1: TOP, y2: BOTTOM, visibility: "hidden" });
	let times = [], values = {}, at = null, top = 1, begin = 0, end = 1;

	const xOf = time => LEFT + (time - begin) / (end - begin) * (RIGHT - LEFT);
	const yOf = value => BOTTOM - value / top * (BOTTOM - TOP);

	//  times: ascending ms; values: { KEY: [number or null] } of the same length
	function draw(allTimes, allValues) {
		({ times, values } = thin(allTimes, allValues));
		const lists = series.map(({ key }) => values[key] ?? []);
		const highest = list => Math.max(0, ...list.filter(value => value != null));
		const most = Math.max(...lists.map(highest));
		top = most > 0 ? roundUp(most) : 1;
		begin = times[0];
		end = Math.max(times.at(-1), begin + 1000);
		const last = lists.map(list => format(list.findLast(value => value != null) ?? 0));
		now.forEach((element, n) => (element.textContent = last[n]));
		picture.setAttribute("aria-label", series.map(({ name }, n) => T.cluster.summary(name, last[n], format(highest(lists[n])))).join("; "));
		put(picture, [0, top / 2, top].map(value => svg("line", { x1: LEFT, x2: RIGHT, y1: yOf(value), y2: yOf(value) })),
			lists.map((list, n) => line(series[n].key, list)), cursor);
		const label = (kind, x, y, text) => h("span", { class: kind, style: { left: `${x / WIDTH * 100}%`, top: `${y / HEIGHT * 100}%` } }, text);
		const parts = end - begin < 30000 ? 1 : 3, time = end - begin < 5 * 60000 ? timeWithSeconds : timeOfDay;
		put(labels, (most ? [top / 2, top] : [0]).map(value => label("y", RIGHT + 6, yOf(value), format(value))),
			Array.from({ length: parts + 1 }, (_, n) => {
				const tick = begin + (end - begin) * n / parts;
				return label(`x ${n === 0 ? "first" : n === parts ? "last" : ""}`, xOf(tick), BOTTOM + 5, time(tick));
			}));
	}

	//  Where a value is missing, the line is too.
	function line(key, list) {
		let path = "", area = "", run = [];
		const flush = () => {
			if (run.length) {
				const points = run.map(([x, y]) => `${x} ${y}`).join("L");
				path += `M${points}`;
				area += `M${run[0][0]} ${BOTTOM}L${points}L${run.at(-1)[0]} ${BOTTOM}Z`;
			}
			run = [];
		};
		list.forEach((value, n) => value == null ? flush() : run.push([xOf(times[n]).toFixed(1), yOf(value).toFixed(1)]));
		flush();
		return svg("g", { class: `series-${key}` }, svg("path", { class: "area", d: area }), svg("path", { class: "line", d: path }));
	}

	function point(event) {
		if (!times.length)
			return;
		const box = picture.getBoundingClientRect(), x = (event.clientX - box.left) / box.width * WIDTH;
		const far = time => Math.abs(xOf(time) - x);
		show(times.reduce((best, time, n) => far(time) < far(times[best]) ? n : best, 0));
	}

	function show(index) {
		at = index;
		const x = xOf(times[at]);
		for (const [name, value] of Object.entries({ x1: x, x2: x, visibility: "visible" }))
			set(cursor, name, value);
		put(tip, h("span.muted", timeWithSeconds(times[at])),
			series.map(({ key, name }) => h("span", { class: `series-${key}` }, h("span.swatch"), `${name} ${format(values[key]?.[at] ?? 0)}`)));
		tip.hidden = false;
		tip.style.left = `${Math.min(0.72, x / WIDTH) * 100}%`;
	}

	function unpoint() {
		at = null;
		tip.hidden = true;
		set(cursor, "visibility", "hidden");
	}

	return { element: h("figure.plot", h("figcaption", legend), h("div.plot-area", picture, labels, tip)), draw };
}

function thin(times, values) {
	if (times.length <= POINTS_MAX)
		return { times, values };
	const bins = Array.from({ length: POINTS_MAX }, (_, n) => [n, n + 1].map(bound => Math.floor(bound * times.length / POINTS_MAX)));
	const highest = list => list.reduce((most, value) => value > (most ?? -1) ? value : most, null);
	return {
		times: bins.map(([, to]) => times[to - 1]),
		values: Object.fromEntries(Object.entries(values).map(([key, list = []]) => [key, bins.map(([from, to]) => highest(list.slice(from, to)))])),
	};
}

//  The next of 1, 1.5, 2, 3, 5, 8 times a power of ten.
function roundUp(value) {
	const power = 10 ** Math.floor(Math.log10(value));
	return power * [1, 1.5, 2, 3, 5, 8, 10].find(step => step * power >= value * 0.999);
}

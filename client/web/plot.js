//  Lines over time, drawn as SVG: an axis, a legend, values where the pointer or the arrow keys are.
import { h, svg, put } from "./dom.js";
import { timeOfDay, timeWithSeconds } from "./format.js";
import { T } from "./text.js";

const WIDTH = 640, HEIGHT = 180, LEFT = 4, RIGHT = 64, TOP = 10, BOTTOM = 24;
const POINTS_MAX = 320;  //  More than the eye sees; the highest of each bin stays

//  series: [{ key, name }], colours by CSS class "series-KEY". format: a value for people.
export class Plot {
	constructor({ title, series, format }) {
		Object.assign(this, { series, format });
		this.picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `${title}: ${T.cluster.noHistory}`, tabindex: 0 });
		this.labels = h("div.plot-labels", { "aria-hidden": "true" }, h("p.none", T.cluster.noHistory));
		this.tip = h("div.plot-tip", { hidden: true, role: "status" });
		this.legend = h("ul.legend", series.map(one => h("li", { class: `series-${one.key}` }, h("span.swatch", { "aria-hidden": "true" }),
			one.name, " ", one.now = h("strong"))));
		this.element = h("figure.plot", h("figcaption", this.legend), h("div.plot-area", this.picture, this.labels, this.tip));
		this.picture.addEventListener("pointermove", event => this.#point((event.clientX - this.#box().left) / this.#box().width * WIDTH));
		this.picture.addEventListener("pointerleave", () => this.#unpoint());
		this.picture.addEventListener("blur", () => this.#unpoint());
		this.picture.addEventListener("keydown", event => {
			const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
			if (step && this.times?.length) {
				event.preventDefault();
				this.#show(Math.max(0, Math.min(this.times.length - 1, (this.at ?? this.times.length) + step)));
			}
		});
	}

	//  times: ascending ms; values: { KEY: [number or null] } of the same length
	draw(times, values) {
		({ times, values } = thin(times, values));
		Object.assign(this, { times, values });
		const known = this.series.flatMap(({ key }) => values[key] ?? []).filter(value => value != null);
		const most = Math.max(...known, 0);
		this.top = most > 0 ? roundUp(most) : 1;
		this.begin = times[0];
		this.end = Math.max(times.at(-1), this.begin + 1000);
		for (const { key, now } of this.series)
			now.textContent = this.format(values[key]?.findLast(value => value != null) ?? 0);
		this.picture.setAttribute("aria-label", this.series.map(({ key, name }) => T.cluster.summary(name,
			this.format(values[key]?.at(-1) ?? 0), this.format(Math.max(0, ...(values[key] ?? []))))).join("; "));
		put(this.picture,
			[0, 0.5, 1].map(part => svg("line", { class: part ? "grid" : "base", x1: LEFT, x2: WIDTH - RIGHT, y1: this.#y(part * this.top), y2: this.#y(part * this.top) })),
			this.series.map(({ key }) => this.#line(key)),
			this.cursor = svg("line", { class: "cursor", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" }));
		const label = (kind, x, y, text) => h("span", { class: kind, style: { left: `${x / WIDTH * 100}%`, top: `${y / HEIGHT * 100}%` } }, text);
		const parts = this.end - this.begin < 30000 ? 1 : 3;
		const ticks = Array.from({ length: parts + 1 }, (_, n) => this.begin + (this.end - this.begin) * n / parts);
		const time = this.end - this.begin < 5 * 60000 ? timeWithSeconds : timeOfDay;
		this.element.classList.toggle("flat", !most);
		put(this.labels, (most ? [0.5, 1] : [0]).map(part => label("y", WIDTH - RIGHT + 6, this.#y(part * this.top), this.format(part * this.top))),
			ticks.map((tick, n) => label(`x ${n === 0 ? "first" : n === parts ? "last" : ""}`, this.#x(tick), HEIGHT - BOTTOM + 5, time(tick))));
	}

	#line(key) {
		const values = this.values[key] ?? [];
		let path = "", area = "", run = [];
		const flush = () => {
			if (run.length) {
				const points = run.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`);
				path += `M${points.join("L")}`;
				area += `M${run[0][0].toFixed(1)} ${this.#y(0)}L${points.join("L")}L${run.at(-1)[0].toFixed(1)} ${this.#y(0)}Z`;
			}
			run = [];
		};
		values.forEach((value, n) => value == null ? flush() : run.push([this.#x(this.times[n]), this.#y(value)]));
		flush();
		return svg("g", { class: `series-${key}` }, svg("path", { class: "area", d: area }), svg("path", { class: "line", d: path }));
	}

	#x(time) {
		return LEFT + (time - this.begin) / (this.end - this.begin) * (WIDTH - LEFT - RIGHT);
	}

	#y(value) {
		return HEIGHT - BOTTOM - value / this.top * (HEIGHT - TOP - BOTTOM);
	}

	#box() {
		return this.picture.getBoundingClientRect();
	}

	#point(x) {
		if (!this.times?.length)
			return;
		const time = this.begin + (x - LEFT) / (WIDTH - LEFT - RIGHT) * (this.end - this.begin);
		let best = 0;
		this.times.forEach((one, n) => Math.abs(one - time) < Math.abs(this.times[best] - time) && (best = n));
		this.#show(best);
	}

	#show(at) {
		this.at = at;
		const x = this.#x(this.times[at]);
		this.cursor.setAttribute("x1", x);
		this.cursor.setAttribute("x2", x);
		this.cursor.setAttribute("visibility", "visible");
		put(this.tip, h("span.muted", timeWithSeconds(this.times[at])),
			this.series.map(({ key, name }) => h("span", { class: `series-${key}` }, h("span.swatch"), `${name} ${this.format(this.values[key]?.[at] ?? 0)}`)));
		this.tip.hidden = false;
		this.tip.style.left = `${Math.min(0.72, x / WIDTH) * 100}%`;
	}

	#unpoint() {
		this.at = null;
		this.tip.hidden = true;
		this.cursor?.setAttribute("visibility", "hidden");
	}
}

function thin(times, values) {
	if (times.length <= POINTS_MAX)
		return { times, values };
	const bins = Array.from({ length: POINTS_MAX }, (_, n) => [Math.floor(n * times.length / POINTS_MAX), Math.floor((n + 1) * times.length / POINTS_MAX)]);
	const highest = list => list.reduce((most, value) => value == null ? most : most === null || value > most ? value : most, null);
	return {
		times: bins.map(([, to]) => times[to - 1]),
		values: Object.fromEntries(Object.entries(values).map(([key, list]) => [key, bins.map(([from, to]) => highest(list.slice(from, to)))])),
	};
}

//  The next of 1, 1.5, 2, 3, 5, 8 times a power of ten.
function roundUp(value) {
	const power = 10 ** Math.floor(Math.log10(value));
	return power * [1, 1.5, 2, 3, 5, 8, 10].find(step => step * power >= value * 0.999);
}

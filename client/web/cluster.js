//  The cluster, alive: nodes and their heartbeats, how safe everything is, what is going on. Fed by events, no polling.
import { get, post } from "./api.js";
import { complain, toast } from "./dialog.js";
import { h, icon, put, throttle, announce, menuTool, write } from "./dom.js";
import { on } from "./events.js";
import { count, duration, exactly, rate, size, timeWithSeconds, when } from "./format.js";
import { openMenu } from "./menu.js";
import { placesOf } from "./places.js";
import { Plot } from "./plot.js";
import { isAdmin } from "./session.js";
import { T } from "./text.js";

const COLOURS = 8;
const JOURNAL_MAX = 30;
const BEAT_MS = 1100;  //  As long as the style sheet shows it
const HISTORY_MAX = 2000;  //  Points kept while the page is open

export function openCluster(main, path) {
	return new Cluster(main, path);
}

class Cluster {
	nodes = new Map();  //  Name to { row of LIST_NODES, heard, rate, card }
	status = null;
	journal = [];
	history = { times: [], series: {} };

	constructor(main, path) {
		this.main = main;
		document.title = T.title(T.cluster.title);
		this.#build();
		this.places = path ? placesOf(path, name => this.#colour(name), name => this.nodes.get(name)?.state !== "pruned") : null;
		if (this.places)
			this.host.prepend(this.places.element);
		const refreshNodes = throttle(1500, () => this.#loadNodes().catch(complain));
		const refreshPlaces = throttle(1000, () => this.places?.refresh());
		this.off = [
			on("heartbeat.", beat => this.#heartbeat(beat)),
			on("node.", event => (this.#happened(event), refreshNodes(), refreshPlaces())),
			on("file.", event => path && event.path === path && refreshPlaces()),
			on("status", status => {
				if (status.sequence !== this.status?.sequence || status.repair.moving || this.status.repair.moving)
					refreshNodes(), refreshPlaces();
				this.#showStatus(status);
			}),
			on("gap", () => this.#load()),
			on("history", point => this.#add(point)),
		];
		//  Only the words "12 s ago" move by themselves
		this.clock = setInterval(() => this.nodes.forEach(node => this.#age(node)), 1000);
		this.#load();
	}

	close() {
		this.off.forEach(off => off());
		clearInterval(this.clock);
	}

	#build() {
		const panel = (id, title, lead, ...body) => h("section", { class: `panel ${id}`, "aria-labelledby": `panel-${id}` },
			h("header", h("h2", { id: `panel-${id}` }, title), lead && h("p.muted", lead)), body);
		this.verdict = h("div.verdict", { role: "status" });
		this.aliveCount = h("span.muted");
		this.cards = h("ul.nodes");
		this.copies = h("dl.bars");
		this.copiesLead = h("p.muted");
		this.facts = h("dl.facts");
		this.oneCopy = h("p.figure");
		this.oneCopyMore = h("p.muted");
		this.stuck = h("ul");
		this.stuckPanel = panel("stuck", T.cluster.stuck, null, this.stuck);
		this.stuckPanel.hidden = true;
		this.log = h("ol.journal", h("li.muted", T.cluster.journalEmpty));
		this.plots = {
			throughput: new Plot({ title: T.cluster.throughput, format: rate, series: [{ key: "up", name: T.cluster.up }, { key: "down", name: T.cluster.down }] }),
			capacity: new Plot({ title: T.cluster.capacity, format: value => size(Math.round(value)),
				series: [{ key: "taken", name: T.cluster.taken }, { key: "capacity", name: T.cluster.whole }] }),
			bytes_at_one_copy: new Plot({ title: T.cluster.atOneCopy, format: value => size(Math.round(value)), series: [{ key: "bytes_at_one_copy", name: T.cluster.atOneCopy }] }),
		};
		this.host = h("div.panels",
			panel("node-list", T.cluster.nodes, null, this.cards),
			panel("one-copy", T.cluster.oneCopy, T.cluster.oneCopyLead, this.oneCopy, this.oneCopyMore, this.plots.bytes_at_one_copy.element),
			panel("copies", T.cluster.copies, null, this.copiesLead, this.copies, this.facts),
			panel("throughput", T.cluster.throughput, T.cluster.throughputLead, this.plots.throughput.element),
			panel("capacity", T.cluster.capacity, T.cluster.capacityLead, this.plots.capacity.element),
			this.stuckPanel,
			panel("events", T.cluster.journal, null, this.log));
		this.host.querySelector(".node-list header").append(this.aliveCount);
		put(this.main, h("header.bar", h("h1", { tabindex: -1 }, T.cluster.title)), this.verdict, this.host);
	}

	async #load() {
		await Promise.all([
			this.#loadNodes(),
			get("/status").then(status => this.#showStatus(status)),
			get("/history").then(history => this.#showHistory(history)),
			this.#loadJournal(),
		].map(part => part.catch(complain)));
	}

	async #loadJournal() {
		const { sequence } = await get("/events/list");
		const { events } = await get("/events/list", { since: Math.max(0, sequence - 2000), types: ["node"], limit: 1000 });
		this.journal = events.slice(-JOURNAL_MAX).reverse();
		this.#drawJournal();
	}

	//  --- Nodes

	async #loadNodes() {
		const { nodes } = await get("/nodes");
		const now = Date.now();
		for (const row of nodes) {
			const node = this.nodes.get(row.node) ?? {};
			Object.assign(node, row);
			if (row.silent_ms !== undefined)
				node.heard = Math.max(node.heard ?? 0, now - row.silent_ms);
			this.nodes.set(row.node, node);
		}
		for (const name of [...this.nodes.keys()])
			if (!nodes.some(row => row.node === name))
				this.nodes.delete(name);
		this.#drawNodes();
	}

	#heartbeat(beat) {
		const node = this.nodes.get(beat.node);
		if (!node)
			return this.#loadNodes().catch(complain);
		const now = Date.now();
		const speed = (is, was) => is >= was ? (is - was) / (now - node.beatAt) * 1000 : 0;  //  Less than before: started anew
		if (node.beatAt && now > node.beatAt && beat.bytes_in !== undefined)
			node.rates = { in: speed(beat.bytes_in, node.bytes_in), out: speed(beat.bytes_out, node.bytes_out) };
		const { free, capacity, health, bytes_in, bytes_out } = beat;
		Object.assign(node, { free, capacity, health, bytes_in, bytes_out, heard: now, beatAt: now });
		if (node.state !== "alive")
			return this.#loadNodes().catch(complain);
		this.#drawNode(node);
		const pulse = node.card.querySelector(".pulse");
		pulse.classList.remove("beat");
		void pulse.getBoundingClientRect();  //  So that the same animation begins anew
		pulse.classList.add("beat");
		clearTimeout(node.beatTimer);
		node.beatTimer = setTimeout(() => pulse.classList.remove("beat"), BEAT_MS);
	}

	#colour(name) {
		return [...this.nodes.keys()].sort().indexOf(name) % COLOURS;
	}

	#drawNodes() {
		const names = [...this.nodes.keys()].sort();
		const alive = [...this.nodes.values()].filter(node => node.state === "alive").length;
		this.aliveCount.textContent = names.length ? T.cluster.alive(count(alive), count(names.length)) : "";
		names.forEach(name => this.#drawNode(this.nodes.get(name)));
		put(this.cards, names.length ? names.map(name => this.nodes.get(name).card) : h("li.muted", T.cluster.emptyNodes));
		this.places?.refresh();
	}

	#drawNode(node) {
		node.card ??= this.#card(node);
		const { parts } = node;
		const used = node.capacity ? Math.round((1 - node.free / node.capacity) * 100) : 0;
		node.card.dataset.state = node.state;
		node.card.dataset.health = node.health;
		parts.swatch.className = `swatch node-${this.#colour(node.node)}`;
		parts.state.textContent = [T.cluster.state[node.state], T.cluster.health[node.health], node.draining && T.cluster.draining].filter(Boolean).join(" · ");
		parts.space.textContent = T.cluster.free(size(node.free), size(node.capacity));
		parts.bar.value = used;
		parts.bar.setAttribute("aria-valuetext", T.cluster.used(used));
		parts.more.textContent = [T.cluster.holds(node.holds), size(node.bytes), node.zone && T.cluster.zone(node.zone)].filter(Boolean).join(" · ");
		parts.rate.textContent = node.rates && node.state === "alive" ? ratesOf(node.rates) : "";
		this.#age(node);
	}

	#age(node) {
		if (!node.card)
			return;
		const age = node.heard ? Date.now() - node.heard : null;
		const text = T.cluster.heartbeat(age === null ? T.cluster.never : age < 1500 ? T.cluster.now : T.cluster.ago(duration(age)));
		write(node.parts.age, text);
	}

	#card(node) {
		const parts = node.parts = { swatch: h("span", { "aria-hidden": "true" }), state: h("span.state"), space: h("span"),
			bar: h("meter", { min: 0, max: 100, high: 85, optimum: 0, "aria-label": T.cluster.capacity }), more: h("p.muted"),
			rate: h("p.muted"), age: h("p.muted") };
		return h("li.node", { "aria-label": node.node },
			h("header", h("span.pulse", { "aria-hidden": "true" }), h("h3", node.node), parts.swatch, h("span.grow"), parts.state,
				isAdmin() && menuTool(T.cluster.actionsFor(node.node), event => this.#menu(node, event.currentTarget))),
			parts.bar, h("p.space", parts.space), parts.more, parts.rate, parts.age);
	}

	#menu(node, anchor) {
		const run = (path, body, sentence) => post(path, body).then(() => {
			toast(sentence);
			this.#loadNodes();
		}).catch(complain);
		openMenu([
			{ label: T.cluster.scrub, icon: "check", action: () => run("/scrub", { node: node.node }, T.cluster.scrubbing(node.node)) },
			node.draining
				? { label: T.cluster.undrain, icon: "restore", action: () => run("/drain", { node: node.node, drain: false }, T.cluster.undrained(node.node)) }
				: { label: T.cluster.drain, icon: "move", action: () => run("/drain", { node: node.node, drain: true }, T.cluster.drained(node.node)) },
		], T.cluster.actionsFor(node.node), { anchor });
	}

	//  --- How safe everything is

	#showStatus(status) {
		this.status = status;
		const { repair, extents } = status;
		const left = repair.left_ms !== undefined && repair.extents ? duration(repair.left_ms) : "";
		const [kind, title, lead] = verdictOf(status, left);
		if (this.verdict.dataset.kind !== kind || this.verdict.dataset.text !== title + lead) {
			this.verdict.dataset.kind = kind;
			this.verdict.dataset.text = title + lead;
			put(this.verdict, icon({ well: "check", risk: "warning", thin: "copy", lost: "warning" }[kind], "huge"), h("div", h("p.title", title), h("p", lead)));
		}
		const counts = extents.by_live_copies.slice(0, Math.max(2, extents.by_live_copies.findLastIndex(number => number > 0)) + 1);
		const most = Math.max(1, ...counts);
		this.copiesLead.textContent = T.cluster.copiesLead(extents.total);
		put(this.copies, counts.map((number, copies) => copies === 0 && !number ? null : h("div", { class: copies === 0 ? "lost" : copies === 1 ? "thin" : "" },
			h("dt", T.cluster.copyRow(copies)), h("dd", number > 0 && h("span.bar-fill", { style: { width: `${number / most * 100}%` } }), h("span", count(number))))));
		put(this.facts, ["folders", "uploads", "garbage", "damaged"].map(key => h("div", h("dt", T.cluster.facts[key]), h("dd", count(status[key])))));
		this.oneCopy.textContent = size(status.bytes_at_one_copy);
		this.oneCopy.classList.toggle("zero", status.bytes_at_one_copy === 0);
		this.oneCopyMore.textContent = [left && T.cluster.left(left), repair.moving && T.cluster.moving(repair.moving), repair.rate && T.cluster.speed(rate(repair.rate))]
			.filter(Boolean).join(" · ");
		this.stuckPanel.hidden = !repair.stuck.length;
		put(this.stuck, repair.stuck.map(one => h("li", T.cluster.stuckRow(one.path, one.extent + 1, one.reason))));
		this.#add({ bytes_at_one_copy: status.bytes_at_one_copy });
	}

	#happened(event) {
		if (event.sequence <= (this.journal[0]?.sequence ?? 0))
			return;
		this.journal = [event, ...this.journal].slice(0, JOURNAL_MAX);
		this.#drawJournal();
		if (["pruned", "back", "silent"].includes(event.type))
			announce(T.cluster.event[event.type](event.node));
	}

	#drawJournal() {
		if (this.journal.length)
			put(this.log, this.journal.map(event => h("li", { "data-type": event.type }, h("time", { datetime: new Date(event.time_ms).toISOString(), title: exactly(event.time_ms) },
				Date.now() - event.time_ms < 43200000 ? timeWithSeconds(event.time_ms) : when(event.time_ms)),
			h("span", h("strong", (T.cluster.event[event.type] ?? (node => `${node}: ${event.type}`))(event.node)), event.detail ? ` ${event.detail}` : ""))));
	}

	//  --- Figures over time

	#showHistory(history) {
		this.history = { times: [...history.times], series: Object.fromEntries(Object.entries(history.series).map(([key, list]) => [key, [...list]])) };
		this.interval = history.interval_ms;
		this.#drawPlots();
	}

	//  What is known now, as one more point.
	#add(values) {
		const { times, series } = this.history;
		times.push(Date.now());
		for (const key of new Set([...Object.keys(series), ...Object.keys(values)])) {
			series[key] ??= [];
			while (series[key].length < times.length - 1)
				series[key].push(null);
			series[key].push(values[key] ?? series[key].at(-1) ?? null);
		}
		if (times.length > HISTORY_MAX) {
			times.shift();
			Object.values(series).forEach(list => list.shift());
		}
		this.#drawPlots();
	}

	#drawPlots = throttle(500, () => {
		const { times, series } = this.history;
		if (times.length < 2)
			return;
		this.plots.throughput.draw(times, { up: series.up, down: series.down });
		const taken = series.capacity?.map((all, n) => all === null || series.free[n] === null ? null : all - series.free[n]);
		this.plots.capacity.draw(times, { taken, capacity: series.capacity });
		this.plots.bytes_at_one_copy.draw(times, { bytes_at_one_copy: series.bytes_at_one_copy });
	});
}

function ratesOf({ in: into, out }) {
	return Math.max(into, out) < 1000 ? T.cluster.atRest : T.cluster.rates(rate(into), rate(out));
}

function verdictOf(status, left) {
	const { repair } = status;
	if (status.recovery)
		return ["risk", T.cluster.recovery, T.cluster.recoveryLead];
	if (repair.lost)
		return ["lost", T.cluster.lost(repair.lost), T.cluster.lostLead];
	if (status.bytes_at_one_copy)
		return ["risk", T.cluster.risk(size(status.bytes_at_one_copy)), T.cluster.riskLead(left, repair.moving)];
	if (repair.extents)
		return ["thin", T.cluster.thin(repair.extents), T.cluster.thinLead(size(repair.bytes), left)];
	return ["well", T.cluster.well, T.cluster.wellLead(T.cluster.files(status.files), size(status.bytes))];
}

//  The cluster, alive: how safe everything is, what is going on. Fed by events, no polling.
import { get } from "./api.js";
import { complain } from "./dialog.js";
import { h, announce, icon, put, throttle } from "./dom.js";
import { on } from "./events.js";
import { count, duration, exactly, rate, size, timeWithSeconds, when } from "./format.js";
import { openNodes } from "./nodes.js";
import { placesOf } from "./places.js";
import { plot } from "./plot.js";
import { servicesList } from "./services.js";
import { T } from "./text.js";

const t = T.cluster;
const JOURNAL_MAX = 30;
const HISTORY_MAX = 2000;  //  Points kept while the page is open
const STALE_MS = 10000;  //  Between two rounds of copying nothing moves and no time is known: so long the last one holds
const HALF_DAY_MS = 43200000;

const panel = (id, title, lead, ...body) => h("section", { class: `panel ${id}`, "aria-labelledby": `panel-${id}` },
	h("header", h("h2", { id: `panel-${id}` }, title), lead && h("p.muted", lead)), body);

export function openCluster(main, path) {
	document.title = T.title(t.title);
	const nodes = openNodes(() => places?.refresh());
	const places = path ? placesOf(path, nodes.colourOf, nodes.isAlive) : null;
	const verdict = h("div.verdict", { role: "status" });
	const copiesLead = h("p.muted"), copies = h("dl.bars"), facts = h("dl.facts");
	const oneCopy = h("p.figure"), oneCopyMore = h("p.muted");
	const stuck = h("ul"), stuckPanel = panel("stuck", t.stuck, null, stuck);
	const services = servicesList();
	const log = h("ol.journal", h("li.muted", t.journalEmpty));
	const octets = value => size(Math.round(value));
	const plots = {
		throughput: plot({ title: t.throughput, format: rate, series: [{ key: "up", name: t.up }, { key: "down", name: t.down }] }),
		capacity: plot({ title: t.capacity, format: octets, series: [{ key: "taken", name: t.taken }, { key: "capacity", name: t.whole }] }),
		oneCopy: plot({ title: t.oneCopy, format: octets, series: [{ key: "bytes_at_one_copy", name: t.oneCopy }] }),
	};
	let status = null, journal = [], times = [], series = {};
	let left = 0, moved = 0;  //  When copying will be over, and when some was last under way

	async function loadJournal() {
		const { sequence } = await get("/events/list");
		const { events } = await get("/events/list", { since: Math.max(0, sequence - 2000), types: ["node"], limit: 1000 });
		journal = events.slice(-JOURNAL_MAX).reverse();
		drawJournal();
	}

	const loadHistory = async () => {
		({ times, series } = await get("/history"));
		drawPlots();
	};

	const load = () => Promise.all([nodes.load(), get("/status").then(showStatus), loadHistory(), loadJournal(), services.load()].map(part => part.catch(complain)));

	//  --- How safe everything is

	function showStatus(now) {
		status = now;
		const { repair, extents, bytes_at_one_copy: single } = status, at = Date.now();
		if (!repair.extents)
			left = moved = 0;
		else if (repair.left_ms !== undefined)
			left = at + repair.left_ms;
		if (repair.moving)
			moved = at;
		const copying = at - moved < STALE_MS;
		const time = repair.extents && left > at && (copying || repair.left_ms !== undefined) ? duration(left - at) : "";
		const [kind, shape, title, lead] = verdictOf(status, copying, time);
		if (verdict.dataset.text !== title + lead) {
			Object.assign(verdict.dataset, { kind, text: title + lead });
			put(verdict, icon(shape, "huge"), h("div", h("p.title", title), h("p", lead)));
		}
		const counts = extents.by_live_copies.slice(0, Math.max(2, extents.by_live_copies.findLastIndex(number => number > 0)) + 1);
		const most = Math.max(1, ...counts);
		copiesLead.textContent = t.copiesLead(extents.total);
		put(copies, counts.map((number, n) => n || number ? h("div", { class: ["lost", "thin"][n] }, h("dt", t.copyRow(n)),
			h("dd", number > 0 && h("span.bar-fill", { style: { width: `${number / most * 100}%` } }), h("span", count(number)))) : null));
		put(facts, Object.entries(t.facts).map(([key, name]) => h("div", h("dt", name), h("dd", count(status[key])))));
		oneCopy.textContent = size(single);
		oneCopy.classList.toggle("zero", single === 0);
		oneCopyMore.textContent = [time && t.left(time), repair.moving && t.moving(repair.moving), repair.extents && repair.rate && t.speed(rate(repair.rate))].filter(Boolean).join(" · ");
		stuckPanel.hidden = !repair.stuck.length;
		put(stuck, repair.stuck.map(one => h("li", t.stuckRow(one.path, one.extent + 1, one.reason))));
		add({ bytes_at_one_copy: single });
	}

	function happened(event) {
		if (event.sequence <= (journal[0]?.sequence ?? 0))
			return;
		journal = [event, ...journal].slice(0, JOURNAL_MAX);
		drawJournal();
		if (["pruned", "back", "silent"].includes(event.type))
			announce(t.event[event.type](event.node));
	}

	function drawJournal() {
		if (journal.length)
			put(log, journal.map(({ type, node, detail, time_ms: time }) => h("li",
				h("time", { datetime: new Date(time).toISOString(), title: exactly(time) }, (Date.now() - time < HALF_DAY_MS ? timeWithSeconds : when)(time)),
				h("span", h("strong", t.event[type]?.(node) ?? `${node}: ${type}`), detail ? ` ${detail}` : ""))));
	}

	//  What is known now, as one more point.
	function add(values) {
		times.push(Date.now());
		for (const key of Object.keys({ ...series, ...values })) {
			const list = series[key] ??= [];
			while (list.length < times.length - 1)
				list.push(null);
			list.push(values[key] ?? list.at(-1) ?? null);
		}
		if (times.length > HISTORY_MAX)
			[times, ...Object.values(series)].forEach(list => list.shift());
		drawPlots();
	}

	const drawPlots = throttle(500, () => {
		if (times.length < 2)
			return;
		const taken = series.capacity?.map((all, n) => all === null || series.free[n] === null ? null : all - series.free[n]);
		Object.values(plots).forEach(one => one.draw(times, { ...series, taken }));
	});

	stuckPanel.hidden = true;
	put(main, h("header.bar", h("h1", { tabindex: -1 }, t.title)), verdict, h("div.panels", places?.element,
		h("section.node-list", { "aria-labelledby": "panel-nodes" }, h("header", h("h2", { id: "panel-nodes" }, t.nodes), nodes.alive), nodes.cards),
		panel("one-copy", t.oneCopy, t.oneCopyLead, oneCopy, oneCopyMore, plots.oneCopy.element),
		panel("copies", t.copies, null, copiesLead, copies, facts),
		panel("throughput", t.throughput, t.throughputLead, plots.throughput.element),
		panel("capacity", t.capacity, t.capacityLead, plots.capacity.element),
		stuckPanel,
		panel("services-panel", T.services.title, T.services.lead, services.element),
		panel("events", t.journal, null, log)));
	const refreshNodes = throttle(1500, nodes.refresh), refreshPlaces = throttle(1000, () => places?.refresh());
	const refreshServices = throttle(10000, () => services.load().catch(complain));
	const refresh = () => (refreshNodes(), refreshPlaces());
	const offs = [
		on("node.", event => (happened(event), refresh())),
		on("file.", event => event.path === path && refreshPlaces()),
		on("status", now => {
			if (now.sequence !== status?.sequence || now.repair.moving || status.repair.moving)
				refresh();
			showStatus(now);
			refreshServices();
		}),
		on("gap", load),
		on("history", add),
	];
	load();
	return { close() {
		offs.forEach(off => off());
		nodes.close();
	} };
}

//  [kind, picture, title, lead]. What has one copy only comes and goes while parts are copied: so it is not the title.
function verdictOf(status, copying, time) {
	const { repair, bytes_at_one_copy: single } = status;
	if (status.recovery)
		return ["risk", "warning", t.recovery, t.recoveryLead];
	if (repair.lost)
		return ["lost", "warning", t.lost(repair.lost), t.lostLead];
	if (repair.extents || single)
		return ["risk", "warning", repair.extents ? t.thin(repair.extents) : t.risk(size(single)),
			[repair.extents && single && `${t.risk(size(single))}.`, copying || time ? t.copying(time) : t.noCopying].filter(Boolean).join(" ")];
	return ["well", "check", t.well, t.wellLead(t.files(status.files), size(status.bytes))];
}

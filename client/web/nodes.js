//  The storage nodes: their heartbeats, their state, their room, and what an admin can do with them.
import { get, post } from "./api.js";
import { complain, toast } from "./dialog.js";
import { h, menuTool, put, write } from "./dom.js";
import { on } from "./events.js";
import { count, duration, rate, size } from "./format.js";
import { openMenu } from "./menu.js";
import { isAdmin } from "./session.js";
import { T } from "./text.js";

const t = T.cluster;
const COLOURS = 8;
const BEAT_MS = 1100;  //  As long as the style sheet shows it

//  changed (): other nodes, or other states. Gives { cards, alive, refresh, colourOf, isAlive, close }.
export function openNodes(changed) {
	const nodes = new Map();  //  Name to { row of LIST_NODES, heard, rates, card, parts }
	const cards = h("ul.nodes"), alive = h("span.muted");
	const refresh = () => load().catch(complain);
	const colourOf = name => [...nodes.keys()].sort().indexOf(name) % COLOURS;

	async function load() {
		const reply = await get("/nodes"), now = Date.now();
		for (const row of reply.nodes) {
			const node = Object.assign(nodes.get(row.node) ?? {}, row);
			if (row.silent_ms !== undefined)
				node.heard = Math.max(node.heard ?? 0, now - row.silent_ms);
			nodes.set(row.node, node);
		}
		for (const name of [...nodes.keys()])
			if (!reply.nodes.some(row => row.node === name))
				nodes.delete(name);
		const all = [...nodes.keys()].sort().map(name => nodes.get(name));
		alive.textContent = all.length ? t.alive(count(all.filter(node => node.state === "alive").length), count(all.length)) : "";
		all.forEach(draw);
		put(cards, all.length ? all.map(node => node.card) : h("li.muted", t.emptyNodes));
		changed();
	}

	function beat({ node: name, free, capacity, health, bytes_in, bytes_out }) {
		const node = nodes.get(name), now = Date.now();
		if (!node)
			return refresh();
		const speed = (is, was) => is >= was ? (is - was) / (now - node.beatAt) * 1000 : 0;  //  Less than before: started anew
		if (node.beatAt && now > node.beatAt && bytes_in !== undefined)
			node.rates = [t.into, speed(bytes_in, node.bytes_in), t.out, speed(bytes_out, node.bytes_out)];
		Object.assign(node, { free, capacity, health, bytes_in, bytes_out, heard: now, beatAt: now });
		if (node.state !== "alive")
			return refresh();
		draw(node);
		const { pulse } = node.parts;
		pulse.classList.remove("beat");
		void pulse.getBoundingClientRect();  //  So that the same animation begins anew
		pulse.classList.add("beat");
		clearTimeout(node.timer);
		node.timer = setTimeout(() => pulse.classList.remove("beat"), BEAT_MS);
	}

	function draw(node) {
		node.card ??= cardOf(node);
		const { parts, state } = node, lives = state === "alive";
		const used = node.capacity ? Math.round((1 - node.free / node.capacity) * 100) : 0;
		const whole = text => text.replaceAll(" ", "\u00a0");  //  Not broken in two lines
		const line = (...texts) => texts.filter(Boolean).join(" · ");
		Object.assign(node.card.dataset, { state, health: node.health });
		parts.swatch.className = `swatch node-${colourOf(node.node)}`;
		parts.state.textContent = line(t.state[state], t.health[node.health], node.draining && t.draining);
		parts.space.textContent = (lives ? t.free : t.away)(size(node.free), size(node.capacity));
		parts.bar.value = used;
		parts.bar.ariaValueText = t.used(used);
		parts.more.textContent = line(t.holds(node.holds), size(node.bytes), node.zone && t.zone(node.zone));
		const [into, inRate, out, outRate] = lives && node.rates || [];
		parts.rate.textContent = !into ? "" : line(inRate >= 1000 && whole(into(rate(inRate))), outRate >= 1000 && whole(out(rate(outRate)))) || t.atRest;
		age(node);
	}

	function age(node) {
		const ms = Date.now() - node.heard;
		write(node.parts.age, t.heartbeat(!node.heard ? t.never : ms < 1500 ? t.now : t.ago(duration(ms))));
	}

	function cardOf(node) {
		const name = node.node;
		const parts = node.parts = { pulse: h("span.pulse"), swatch: h("span"), state: h("span.state"), space: h("p.space"),
			bar: h("meter", { min: 0, max: 100, high: 85, optimum: 0, "aria-label": t.capacity }), more: h("p.muted"), rate: h("p.muted"), age: h("p.muted") };
		return h("li.node", { "aria-label": name },
			h("header", parts.pulse, h("h3", name), parts.swatch, h("span.grow"), parts.state,
				isAdmin() && menuTool(t.actionsFor(name), ({ currentTarget: anchor }) => openMenu(commands(node), t.actionsFor(name), { anchor }))),
			parts.bar, parts.space, parts.more, parts.rate, parts.age);
	}

	function commands({ node, draining }) {
		const command = (label, shape, path, body, sentence) => ({ label, icon: shape, action: () => post(path, { node, ...body }).then(() => {
			toast(sentence(node));
			refresh();
		}, complain) });
		return [
			command(t.scrub, "check", "/scrub", {}, t.scrubbing),
			draining ? command(t.undrain, "restore", "/drain", { drain: false }, t.undrained) : command(t.drain, "move", "/drain", { drain: true }, t.drained),
		];
	}

	const off = on("heartbeat.", beat);
	//  Only the words "12 s ago" move by themselves
	const clock = setInterval(() => nodes.forEach(node => node.card && age(node)), 1000);
	return { cards, alive, load, refresh, colourOf, isAlive: name => nodes.get(name)?.state !== "pruned", close() {
		off();
		clearInterval(clock);
	} };
}

//  The panel of uploads at the foot of the page.
import { h, icon, announce, throttle, tool, write } from "./dom.js";
import { confirm, toast } from "./dialog.js";
import { askConflict } from "./actions.js";
import { sentenceOf } from "./api.js";
import { baseOf, duration, kindOf, parentOf, rate, size } from "./format.js";
import { go, link } from "./router.js";
import { T } from "./text.js";
import * as upload from "./upload.js";

const t = T.uploads;
const SHOWN = 60;  //  Rows at most; a folder may have many thousand files
const DRAW_MS = 150;
const SETTLE_MS = 5000;
const ORDER = ["lost", "failed", "exists", "sending", "storing", "retrying", "paused", "waiting", "done", "skipped"];

let collapsed = false;
let finished = 0, known = 0;
const rows = new Map();  //  Item to { element, draw }

const heading = h("h2", { id: "uploads-title", tabindex: -1 });
const figures = h("p.muted.figures");
const total = h("progress", { max: 1, "aria-labelledby": "uploads-title" });
const list = h("ul.upload-rows");
const rest = h("p.muted.rest", { hidden: true });
const pauseAll = tool(t.pauseAll, "pause", () => upload.all().forEach(upload.pause));
const resumeAll = tool(t.resumeAll, "play", () => upload.all().forEach(upload.resume));
const fold = tool(t.collapse, "fold", () => setCollapsed(!collapsed), { class: "quiet fold", "aria-expanded": "true", "aria-controls": "uploads-body" });
const clear = tool(t.clear, "close", clearPanel);

export const panel = h("section.uploads", { "aria-labelledby": "uploads-title", hidden: true },
	h("header", h("div.grow", heading, figures), pauseAll, resumeAll, fold, clear),
	total, h("div", { id: "uploads-body", class: "uploads-body", tabindex: -1 }, list, rest));

function setCollapsed(value) {
	if (collapsed === value)
		return;
	collapsed = value;
	panel.classList.toggle("collapsed", value);
	fold.ariaExpanded = String(!value);
	fold.ariaLabel = value ? t.expand : t.collapse;
	draw();
}

async function clearPanel() {
	const open = upload.all().filter(item => item.state !== "lost" && upload.isOpen(item));
	if (open.length && !await confirm({ title: t.cancelTitle, sentence: t.cancelLead, action: t.cancelAll, danger: true }))
		return;
	open.forEach(upload.cancel);
	upload.forgetFinished();
	dismissed = true;
	draw();
}

let dismissed = false;  //  Only what an earlier page left is there, and it was closed

//  "1.2 / 5 MB"
function partOf({ sent, size: all }) {
	const [number, unit] = size(sent).split(" "), whole = size(all);
	return sent >= all ? whole : `${whole.endsWith(` ${unit}`) ? number : size(sent)} / ${whole}`;
}

function headline(f) {
	if (f.active || f.done + f.failed + f.paused < f.all)
		return t.sending(f.done, f.all);
	if (f.paused)
		return t.pausedAll;
	if (f.failed)
		return t.someFailed(f.failed);
	return f.all ? t.allDone(f.done) : t.unfinished(f.lost);
}

const draw = throttle(DRAW_MS, () => {
	const items = upload.all(), f = upload.figures();
	if (f.all)
		dismissed = false;
	panel.hidden = !items.length || dismissed;
	if (panel.hidden)
		return;
	write(heading, headline(f));
	const active = f.active > 0;
	figures.textContent = [active && f.left && f.sent < f.size && t.left(duration(f.left)),
		f.all && partOf(f), active && f.rate > 0 && rate(f.rate)].filter(Boolean).join(" · ");
	total.hidden = !f.all || f.done === f.all;
	total.value = f.size ? f.sent / f.size : 0;
	pauseAll.hidden = !active;
	resumeAll.hidden = active || !f.paused;
	drawRows(items);
	if (f.done > finished && f.done === f.all) {
		announce(t.announceDone(f.done));
		setTimeout(settle, SETTLE_MS);
	}
	if (f.all > known)
		setCollapsed(false);
	known = f.all;
	finished = f.done;
});

//  All is done and seen: make room, unless somebody is looking closer.
function settle() {
	const f = upload.figures();
	if (f.done === f.all && !f.lost && !panel.matches(":hover, :focus-within"))
		setCollapsed(true);
}

function drawRows(items) {
	const shown = [...items].sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || a.id - b.id).slice(0, SHOWN);
	for (const item of [...rows.keys()])
		if (!shown.includes(item)) {
			rows.get(item).element.remove();
			rows.delete(item);
		}
	let next = list.firstChild;
	for (const item of shown) {
		if (!rows.has(item))
			rows.set(item, row(item));
		const { element, draw: drawRow } = rows.get(item);
		drawRow();
		if (element === next)
			next = next.nextSibling;
		else
			list.insertBefore(element, next);
	}
	rest.hidden = items.length <= shown.length;
	rest.textContent = t.andMore(items.length - shown.length);
}

function row(item) {
	const status = h("span.muted.status");
	const bar = h("progress", { max: 1, "aria-label": item.name });
	const buttons = Object.fromEntries(Object.entries({
		pause: ["pause", upload.pause],
		resume: ["play", upload.resume],
		retry: ["retry", upload.resume],
		allow: ["play", () => attach(item, upload.allow(item))],
		choose: ["upload", choose],
		show: ["folder-open", () => go(link("files", parentOf(item.path)))],
		cancel: ["close", upload.cancel],
	}).map(([verb, [iconName, action]]) => [verb, tool(t.one(T.uploads[verb], item.name), iconName, () => action(item))]));
	const name = h("span.name", item.name), kind = kindOf({ kind: "file", name: item.name });
	const element = h("li", icon(kind === "document" ? "text" : kind, `kind ${kind}`), h("div.grow", name, bar, status), h("div.buttons", Object.values(buttons)));
	let drawn = null;
	return { element, draw: () => {
		write(name, baseOf(item.path));  //  Another one when both are kept
		write(status, statusOf(item));
		bar.value = item.size ? item.sent / item.size : item.state === "done" ? 1 : 0;
		if (drawn === item.state)
			return;
		drawn = item.state;
		element.dataset.state = item.state;
		bar.hidden = item.state === "done" || item.state === "skipped";
		const shown = { retrying: "retry cancel", exists: "cancel", paused: "resume cancel", failed: "retry cancel",
			lost: item.handle ? "allow choose cancel" : "choose cancel", done: "show", skipped: "show" }[item.state] ?? "pause cancel";
		const focused = element.contains(document.activeElement);
		for (const [verb, one] of Object.entries(buttons))
			one.hidden = !shown.includes(verb);
		if (focused && document.activeElement.hidden)
			element.querySelector("button:not([hidden])")?.focus();
	} };
}

function statusOf(item) {
	return {
		sending: () => partOf(item),
		storing: () => t.storing,
		waiting: () => `${t.waiting} · ${size(item.size)}`,
		paused: () => `${t.paused} · ${partOf(item)}`,
		retrying: () => t.retrying(duration(item.retryAt - Date.now())),
		failed: () => sentenceOf(item.error),
		lost: () => `${partOf(item)} · ${item.handle ? t.permit : t.lost}`,
		exists: () => T.conflict.title(item.name),
		skipped: () => t.skipped,
		done: () => `${t.done} · ${size(item.size)}`,
	}[item.state]?.() ?? "";
}

function choose(item) {
	const input = h("input", { type: "file", onchange: () => input.files[0] && attach(item, upload.attach(item, input.files[0])) });
	input.click();
}

async function attach(item, outcome) {
	const refusal = await outcome;
	if (refusal)
		toast(refusal, { error: true });
}

upload.watch({ changed: draw, conflict: (item, several) => askConflict(item.name, several) });
setInterval(() => upload.all().some(item => item.state === "retrying") && draw(), 1000);

//  The panel of uploads at the foot of the page.
import { h, button, icon, put, announce, throttle } from "./dom.js";
import { confirm, toast } from "./dialog.js";
import { askConflict } from "./actions.js";
import { baseOf, duration, kindOf, parentOf, rate, size } from "./format.js";
import { go, link } from "./router.js";
import { T } from "./text.js";
import * as upload from "./upload.js";

const SHOWN = 60;               //  Rows at most; a folder may have many thousand files
const DRAW_MS = 150;
const SETTLE_MS = 5000;
const ORDER = ["lost", "failed", "exists", "sending", "storing", "retrying", "paused", "waiting", "done", "skipped"];

let collapsed = false;
let finished = 0, known = 0;
const rows = new Map();         //  Item to { element, draw }

const heading = h("h2", { id: "uploads-title", tabindex: -1 });
const figures = h("p.muted.figures", {});
const total = h("progress", { max: 1, "aria-labelledby": "uploads-title" });
const list = h("ul.upload-rows", {});
const rest = h("p.muted.rest", { hidden: true });
const pauseAll = button(T.uploads.pauseAll, { iconOnly: true, class: "quiet", onclick: () => upload.all().forEach(upload.pause) }, "pause");
const resumeAll = button(T.uploads.resumeAll, { iconOnly: true, class: "quiet", onclick: () => upload.all().forEach(upload.resume) }, "play");
const fold = button(T.uploads.collapse, { iconOnly: true, class: "quiet fold", "aria-expanded": "true", "aria-controls": "uploads-body", onclick: () => setCollapsed(!collapsed) }, "fold");
const clear = button(T.uploads.clear, { iconOnly: true, class: "quiet", onclick: clearPanel }, "close");

export const panel = h("section.uploads", { "aria-labelledby": "uploads-title", hidden: true },
	h("header", {}, h("div.grow", {}, heading, figures), pauseAll, resumeAll, fold, clear),
	total, h("div", { id: "uploads-body", class: "uploads-body", tabindex: -1 }, list, rest));

function setCollapsed(value) {
	if (collapsed === value)
		return;
	collapsed = value;
	panel.classList.toggle("collapsed", collapsed);
	fold.setAttribute("aria-expanded", String(!collapsed));
	fold.setAttribute("aria-label", collapsed ? T.uploads.expand : T.uploads.collapse);
	draw();
}

async function clearPanel() {
	const open = upload.all().filter(item => item.state !== "lost" && !["done", "failed", "skipped"].includes(item.state));
	if (open.length && !await confirm({ title: T.uploads.cancelTitle, sentence: T.uploads.cancelLead, action: T.uploads.cancelAll, danger: true }))
		return;
	open.forEach(upload.cancel);
	upload.forgetFinished();
	dismissed = true;
	draw();
}

let dismissed = false;          //  Only what an earlier page left is there, and it was closed

function headline(f) {
	if (f.active || f.done + f.failed + f.paused < f.all)
		return T.uploads.sending(f.done, f.all);
	if (f.paused)
		return T.uploads.pausedAll;
	if (f.failed)
		return T.uploads.someFailed(f.failed);
	return f.all ? T.uploads.allDone(f.done) : T.uploads.unfinished(f.lost);
}

const draw = throttle(DRAW_MS, () => {
	const items = upload.all(), f = upload.figures();
	if (f.all)
		dismissed = false;
	panel.hidden = !items.length || dismissed;
	if (panel.hidden)
		return;
	const text = headline(f);
	if (heading.textContent !== text)
		heading.textContent = text;
	const active = f.active > 0;
	figures.textContent = [f.all && `${size(f.sent)} / ${size(f.size)}`, active && f.rate > 0 && rate(f.rate),
		active && f.left && f.sent < f.size && T.uploads.left(duration(f.left))].filter(Boolean).join(" · ");
	total.hidden = !f.all || f.done === f.all;
	total.value = f.size ? f.sent / f.size : 0;
	pauseAll.hidden = !active;
	resumeAll.hidden = active || !f.paused;
	drawRows(items);
	if (f.done > finished && f.done === f.all) {
		announce(T.uploads.announceDone(f.done));
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
	rest.textContent = T.uploads.andMore(items.length - shown.length);
}

function row(item) {
	const status = h("span.muted.status", {});
	const bar = h("progress", { max: 1, "aria-label": item.name });
	const act = (verb, iconName, action) => button(T.uploads.one(verb, item.name), { iconOnly: true, class: "quiet", onclick: action }, iconName);
	const buttons = {
		pause: act(T.uploads.pause, "pause", () => upload.pause(item)),
		resume: act(T.uploads.resume, "play", () => upload.resume(item)),
		retry: act(T.uploads.retry, "retry", () => upload.resume(item)),
		allow: act(T.uploads.allow, "play", () => attach(item, upload.allow(item))),
		choose: act(T.uploads.choose, "upload", () => choose(item)),
		show: act(T.uploads.show, "folder-open", () => go(link("files", parentOf(item.path)))),
		cancel: act(T.uploads.cancel, "close", () => upload.cancel(item)),
	};
	const name = h("span.name", {}, item.name);
	const element = h("li", {}, icon(kindOf({ kind: "file", name: item.name }), `kind ${kindOf({ kind: "file", name: item.name })}`),
		h("div.grow", {}, name, bar, status), h("div.buttons", {}, Object.values(buttons)));
	let drawn = null;
	return { element, draw: () => {
		const text = statusOf(item);
		if (name.textContent !== baseOf(item.path))
			name.textContent = baseOf(item.path);       //  Another one was kept beside it
		if (status.textContent !== text)
			status.textContent = text;
		bar.value = item.size ? item.sent / item.size : item.state === "done" ? 1 : 0;
		if (drawn === item.state)
			return;
		drawn = item.state;
		element.dataset.state = item.state;
		bar.hidden = item.state === "done" || item.state === "skipped";
		const shown = { waiting: "pause cancel", sending: "pause cancel", storing: "pause cancel", retrying: "retry cancel", exists: "cancel", paused: "resume cancel",
			failed: "retry cancel", lost: item.handle ? "allow choose cancel" : "choose cancel", done: "show", skipped: "show" }[item.state] ?? "";
		const focused = element.contains(document.activeElement);
		for (const [key, one] of Object.entries(buttons))
			one.hidden = !shown.split(" ").includes(key);
		if (focused && document.activeElement.hidden)
			element.querySelector("button:not([hidden])")?.focus();
	} };
}

function statusOf(item) {
	switch (item.state) {
		case "sending": return `${size(item.sent)} / ${size(item.size)}`;
		case "storing": return T.uploads.storing;
		case "waiting": return `${T.uploads.waiting} · ${size(item.size)}`;
		case "paused": return `${T.uploads.paused} · ${size(item.sent)} / ${size(item.size)}`;
		case "retrying": return T.uploads.retrying(duration(Math.max(1000, item.retryAt - Date.now())));
		case "failed": return item.error?.sentence ?? item.error?.message ?? T.advice.unknown;
		case "lost": return `${size(item.sent)} / ${size(item.size)} · ${item.handle ? T.uploads.permit : T.uploads.lost}`;
		case "exists": return T.conflict.title(item.name);
		case "skipped": return T.uploads.skipped;
		default: return `${T.uploads.done} · ${size(item.size)}`;
	}
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

upload.watch(draw);
upload.onConflict((item, several) => askConflict(item.name, several));
setInterval(() => upload.all().some(item => item.state === "retrying") && draw(), 1000);

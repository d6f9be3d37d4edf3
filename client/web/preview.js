//  A look at a file without downloading it: pictures, text and source, PDF, audio, video.
import { errorOf, fileUrl, get } from "./api.js";
import * as actions from "./actions.js";
import { colour } from "./code.js";
import { h, button, icon, menuTool, put, tool, words } from "./dom.js";
import { itemOfStat } from "./folder.js";
import { baseOf, compareNames, extensionOf, join, kindOf, parentOf, size, when } from "./format.js";
import { openMenu } from "./menu.js";
import { go, link } from "./router.js";
import { T } from "./text.js";

const t = T.preview;
const TEXT_BYTES = 256 << 10;  //  So much of a text is shown
const SNIFF_BYTES = 1 << 20;  //  A file of unknown kind and at most this size may be text

//  leave (): the person wants to go back. Gives { path, close }.
export function openPreview(path, leave) {
	const back = document.activeElement, folder = parentOf(path);
	const stopper = new AbortController(), { signal } = stopper;
	const stage = h("div.stage", h("p.muted", { role: "status" }, T.loading));
	const detail = h("p.muted");
	const previous = tool(t.previous, "left", () => turn(-1), { "aria-keyshortcuts": "ArrowLeft", hidden: true });
	const next = tool(t.next, "right", () => turn(1), { "aria-keyshortcuts": "ArrowRight", hidden: true });
	let item = null, names = [];

	const element = h("dialog.preview", { "aria-label": t.region(baseOf(path)),
		oncancel: event => {
			event.preventDefault();
			leave();
		},
		onkeydown: event => {
			const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
			if (step && !event.target.closest("video, audio, pre, [role=menu]") && !event.altKey && !event.ctrlKey && !event.metaKey)
				turn(step);
		} },
	h("header", tool(T.close, "back", leave, { autofocus: true }), h("div.grow", h("h2", baseOf(path)), detail),
		previous, next, tool(T.files.download, "download", () => item && actions.download([item])),
		menuTool(T.files.more, ({ currentTarget: anchor }) => item
			&& openMenu([actions.shareCommand(item), ...actions.fileCommands(item)], T.files.more, { anchor }))),
	stage);

	async function load() {
		try {
			item = itemOfStat(await get("/entry", { path }, signal));
			if (item.kind === "folder")
				return go(link("files", path), { replace: true });
			detail.textContent = `${size(item.size)} · ${when(item.modified)}`;
			await show();
			await neighbours();
		}
		catch (error) {
			if (error.name !== "AbortError")
				say("warning", t.failed, error.sentence ?? t.failedLead);
		}
	}

	async function show() {
		//  The time makes a changed file another address, so that no old picture is shown
		const src = `${fileUrl(path)}?v=${item.modified}`, kind = kindOf(item);
		const onerror = () => say("warning", t.failed, t.failedLead);
		const media = { src, controls: true, preload: "metadata", "aria-label": item.name, onerror };
		if (!item.size)
			say("file", t.empty);
		else if (kind === "image")
			put(stage, h("img", { src, alt: t.picture(item.name), onerror }));
		else if (kind === "video")
			put(stage, h("video", { ...media, playsinline: true }));
		else if (kind === "audio")
			put(stage, h("div.sound", icon("audio", "huge kind audio"), h("audio", media)));
		else if (kind === "pdf")
			put(stage, h("iframe", { src, title: t.content(item.name) }));
		else if (kind === "text" || kind === "code" || kind === "file" && item.size <= SNIFF_BYTES)
			await showText(src, kind === "file");
		else
			say(kind === "archive" ? "archive" : "file", t.none, t.noneLead);
	}

	async function showText(source, doubt) {
		const cut = item.size > TEXT_BYTES;
		const response = await fetch(source, { signal, headers: cut ? { Range: `bytes=0-${TEXT_BYTES - 1}` } : {} });
		if (!response.ok)
			throw errorOf(response.status, await response.text());
		const octets = new Uint8Array(await response.arrayBuffer());
		if (doubt && octets.includes(0))
			return say("file", t.none, t.noneLead);
		put(stage, h("div.paper", cut && h("p.note", t.cut(size(TEXT_BYTES))),
			h("pre", { tabindex: 0, role: "region", "aria-label": t.content(item.name) }, h("code", colour(new TextDecoder().decode(octets), extensionOf(item.name))))));
	}

	function say(shape, title, lead) {
		put(stage, h("div.empty", words(shape, title, lead,
			item && button(T.files.download, { class: "primary", onclick: () => actions.download([item]) }, "download"))));
	}

	//  The other files of the folder, in the order of names.
	async function neighbours() {
		const page = await get("/entries", { path: folder, limit: 10000 }, signal);
		names = page.names.filter((_, n) => page.kinds[n] === "f").sort(compareNames);
		const at = names.indexOf(item.name);
		previous.hidden = next.hidden = names.length < 2;
		previous.disabled = at <= 0;
		next.disabled = at >= names.length - 1;
		detail.textContent += ` · ${t.of(at + 1, names.length)}`;
	}

	function turn(step) {
		const name = names[names.indexOf(baseOf(path)) + step];
		if (name)
			go(link("view", join(folder, name)), { replace: true });
	}

	document.body.append(element);
	element.showModal();
	document.title = T.title(baseOf(path));
	load();
	return { path, close() {
		stopper.abort();
		stage.replaceChildren();  //  Ends what plays, and its requests
		element.close();
		element.remove();
		if (back?.isConnected)
			back.focus({ preventScroll: true });
	} };
}

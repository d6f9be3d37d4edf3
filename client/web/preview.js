//  A look at a file without downloading it: pictures, text and source, PDF, audio, video.
import { ApiError, errorOf, fileUrl, get } from "./api.js";
import * as actions from "./actions.js";
import { colour } from "./code.js";
import { h, button, icon, menuTool, put, tool } from "./dom.js";
import { itemOfStat } from "./folder.js";
import { baseOf, compareNames, extensionOf, kindOf, parentOf, size, when } from "./format.js";
import { openMenu } from "./menu.js";
import { go, link } from "./router.js";
import { openShare } from "./share.js";
import { T } from "./text.js";
import { openVersions } from "./versions.js";

const TEXT_BYTES = 256 << 10;  //  So much of a text is shown
const SNIFF_BYTES = 1 << 20;  //  A file of unknown kind and at most this size may be text

export function openPreview(path, leave) {
	return new Preview(path, leave);
}

class Preview {
	constructor(path, leave) {
		Object.assign(this, { path, leave });
		this.back = document.activeElement;
		this.stopper = new AbortController();
		this.stage = h("div.stage", h("p.muted", { role: "status" }, T.loading));
		this.detail = h("p.muted");
		this.previous = tool(T.preview.previous, "left", () => this.#turn(-1), { "aria-keyshortcuts": "ArrowLeft" });
		this.next = tool(T.preview.next, "right", () => this.#turn(1), { "aria-keyshortcuts": "ArrowRight" });
		this.previous.hidden = this.next.hidden = true;
		this.element = h("dialog.preview", { "aria-label": T.preview.region(baseOf(path)) },
			h("header", tool(T.close, "back", () => this.leave(), { autofocus: true }), h("div.grow", h("h2", baseOf(path)), this.detail),
				this.previous, this.next, tool(T.files.download, "download", () => this.item && actions.download([this.item])),
				menuTool(T.files.more, event => this.#menu(event))),
			this.stage);
		this.element.addEventListener("cancel", event => {
			event.preventDefault();
			this.leave();
		});
		this.element.addEventListener("keydown", event => {
			if (event.target.closest("video, audio, pre, [role=menu]") || event.altKey || event.ctrlKey || event.metaKey)
				return;
			if (event.key === "ArrowLeft" || event.key === "ArrowRight")
				this.#turn(event.key === "ArrowLeft" ? -1 : 1);
		});
		document.body.append(this.element);
		this.element.showModal();
		document.title = T.title(baseOf(path));
		this.#load();
	}

	close() {
		this.stopper.abort();
		this.stage.replaceChildren();  //  Ends what plays, and its requests
		this.element.close();
		this.element.remove();
		if (this.back?.isConnected)
			this.back.focus({ preventScroll: true });
	}

	async #load() {
		try {
			this.item = itemOfStat(await get("/entry", { path: this.path }, this.stopper.signal));
			if (this.item.kind === "folder")
				return go(link("files", this.path), { replace: true });
			this.detail.textContent = `${size(this.item.size)} · ${when(this.item.modified)}`;
			await this.#show(this.item);
			await this.#neighbours();
		}
		catch (error) {
			if (error.name !== "AbortError")
				this.#words("warning", T.preview.failed, error instanceof ApiError ? error.sentence : T.preview.failedLead);
		}
	}

	async #show(item) {
		//  The time makes a changed file another address, so that no old picture is shown
		const source = `${fileUrl(item.path)}?v=${item.modified}`;
		const kind = kindOf(item);
		const broken = () => this.#words("warning", T.preview.failed, T.preview.failedLead);
		if (!item.size)
			this.#words("file", T.preview.empty, "");
		else if (kind === "image")
			put(this.stage, h("img", { src: source, alt: T.preview.picture(item.name), onerror: broken }));
		else if (kind === "video")
			put(this.stage, h("video", { src: source, controls: true, preload: "metadata", playsinline: true, "aria-label": item.name, onerror: broken }));
		else if (kind === "audio")
			put(this.stage, h("div.sound", icon("audio", "huge kind audio"),
				h("audio", { src: source, controls: true, preload: "metadata", "aria-label": item.name, onerror: broken })));
		else if (kind === "pdf")
			put(this.stage, h("iframe", { src: source, title: T.preview.content(item.name) }));
		else if (kind === "text" || kind === "code" || kind === "file" && item.size <= SNIFF_BYTES)
			await this.#text(item, source, kind === "file");
		else
			this.#words(kind === "archive" ? "archive" : "file", T.preview.none, T.preview.noneLead);
	}

	async #text(item, source, doubt) {
		const cut = item.size > TEXT_BYTES;
		const response = await fetch(source, { signal: this.stopper.signal, headers: cut ? { Range: `bytes=0-${TEXT_BYTES - 1}` } : {} });
		if (!response.ok)
			throw errorOf(response.status, await response.text());
		const octets = new Uint8Array(await response.arrayBuffer());
		if (doubt && octets.includes(0))
			return this.#words("file", T.preview.none, T.preview.noneLead);
		const text = new TextDecoder().decode(octets);
		put(this.stage, h("div.paper", cut && h("p.note", T.preview.cut(size(TEXT_BYTES))),
			h("pre", { tabindex: 0, role: "region", "aria-label": T.preview.content(item.name) }, h("code", colour(text, extensionOf(item.name))))));
	}

	#words(shape, title, lead) {
		put(this.stage, h("div.empty", icon(shape, "huge"), h("h3", title), lead && h("p.muted", lead),
			this.item && button(T.files.download, { class: "primary", onclick: () => actions.download([this.item]) }, "download")));
	}

	//  The other files of the folder, in the order of names.
	async #neighbours() {
		const page = await get("/entries", { path: parentOf(this.path), limit: 10000 }, this.stopper.signal);
		this.names = page.names.filter((_, n) => page.kinds[n] === "f").sort(compareNames);
		const at = this.names.indexOf(baseOf(this.path));
		this.previous.hidden = this.next.hidden = this.names.length < 2;
		this.previous.disabled = at <= 0;
		this.next.disabled = at >= this.names.length - 1;
		this.detail.textContent += ` · ${T.preview.of(at + 1, this.names.length)}`;
	}

	#turn(step) {
		const name = this.names?.[this.names.indexOf(baseOf(this.path)) + step];
		if (name)
			go(link("view", `${parentOf(this.path)}/${name}`), { replace: true });
	}

	#menu(event) {
		if (this.item)
			openMenu([
				{ label: T.files.share, icon: "share", action: () => openShare(this.item) },
				{ label: T.files.versions, icon: "history", action: () => openVersions(this.item) },
				{ label: T.files.places, icon: "cluster", action: () => go(link("cluster", this.path)) },
			], T.files.more, { anchor: event.currentTarget });
	}
}

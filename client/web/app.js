//  The page: the frame around the views, and which view is shown.
import { get, onSignedOut, sentenceOf, tellSignedOut } from "./api.js";
import { openAccount } from "./account.js";
import { openCluster } from "./cluster.js";
import { complain, hush, toast } from "./dialog.js";
import { h, button, icon, loadIcons, put } from "./dom.js";
import * as events from "./events.js";
import { openFiles } from "./files.js";
import { isInside, parentOf } from "./format.js";
import { openPreview } from "./preview.js";
import { back, go, link, place } from "./router.js";
import { openShared } from "./shared.js";
import { enter, home, load, session } from "./session.js";
import { T } from "./text.js";
import { openTrash } from "./trash.js";
import * as upload from "./upload.js";
import { panel } from "./uploads.js";

const VIEWS = [
	{ view: "files", icon: "folder", open: openFiles },
	{ view: "shared", icon: "share", open: openShared },
	{ view: "trash", icon: "trash", open: openTrash },
	{ view: "cluster", icon: "cluster", open: openCluster },
	{ view: "account", icon: "person", open: openAccount },
];

const app = h("div", { id: "app" });
let main = null;  //  Of the frame, while somebody is signed in
let shown = null;  //  { key, view } in it
let preview = null;  //  Over it
let ended = false;

function frame() {
	main = h("main", { id: "main", tabindex: -1 });
	const short = { shared: T.nav.sharedShort, account: T.nav.account };  //  On a phone there is no room
	const item = ({ view, icon: shape }) => {
		const folder = view === "files" ? home() : null, mine = view === "account";
		return h("li", h("a", { href: link(view, folder ?? ""), "data-view": view, "data-folder": folder }, icon(shape),
			h("span", { class: short[view] && "long" }, mine ? session.user : T.nav[view]), short[view] && h("span.short", short[view]),
			mine && h("span.hidden.long", `, ${T.nav.account}`)));
	};
	const connection = h("div.connection", { role: "status" });
	put(app,
		h("a.skip", { href: "#main", onclick: event => (event.preventDefault(), main.focus()) }, T.skip),
		h("nav.side", { "aria-label": T.mainNavigation },
			h("p.brand", h("img", { src: "favicon.svg", alt: "", width: 26, height: 26 }), T.product),
			h("ul", VIEWS.slice(0, 4).map(item)), h("ul.foot", item(VIEWS[4]))),
		h("div.column", connection, main), panel);
	events.watch(state => showConnection(connection, state));
}

let wasAway = false;

function showConnection(host, { connected, failures }) {
	if (connected) {
		put(host);
		if (wasAway) {
			toast(T.offline.back);
			upload.hurry();
		}
		wasAway = false;
	}
	else if (failures > 1 || failures === 1 && !navigator.onLine) {
		if (!wasAway)
			put(host, icon("offline"), h("p", T.offline.waiting), button(T.offline.now, { class: "link", onclick: events.retry }));
		wasAway = true;
	}
}

function route() {
	if (!main)
		return;
	const { view, path } = place();
	const wanted = view === "view" ? { view: "files", path: parentOf(path) } : { view, path };
	if (wanted.view === "files" && !wanted.path)
		return go(link("files", home()), { replace: true });
	const known = VIEWS.find(one => one.view === wanted.view) ?? VIEWS[0];
	const key = `${known.view} ${wanted.path}`;
	const hadPreview = preview;
	preview?.close();
	preview = null;
	//  A preview of something found by a search leaves the search where it is
	if (shown?.key !== key && !(view === "view" && shown?.view?.holds?.(path))) {
		const moved = shown !== null;
		shown?.view?.close?.();
		main.scrollTop = 0;
		shown = { key, view: null };
		shown.view = known.open(main, wanted.path);
		const shownAs = known.view === "files" && !isInside(wanted.path, home()) ? "shared" : known.view;
		for (const one of app.querySelectorAll(".side a"))
			one.dataset.view === shownAs ? one.setAttribute("aria-current", "page") : one.removeAttribute("aria-current");
		if (moved)
			main.querySelector("h1")?.focus({ preventScroll: true });
	}
	if (view === "view")
		preview = openPreview(path, () => back(link("files", parentOf(path))));
	else if (hadPreview)
		shown.view.returned?.(hadPreview.path);
}

addEventListener("hashchange", route);

async function begin() {
	try {
		await load();
	}
	catch (error) {
		put(app, h("main.entrance", h("div.card", { role: "alert" }, icon("offline", "huge"), h("h1", T.product),
			h("p.lead", sentenceOf(error)), button(T.tryAgain, { class: "primary", onclick: begin }, "retry"))));
		return;
	}
	if (!session.signed_in)
		await enter(app, { first: session.first, ended });
	ended = false;
	frame();
	//  Events begin here, and every view loads after it: nothing falls in between
	const { sequence } = await get("/events/list").catch(complain) ?? {};
	events.start(sequence ?? null, session.user);
	route();
	upload.findUnfinished().catch(complain);
}

onSignedOut(() => {
	if (!main)
		return;
	preview?.close();
	shown?.view?.close?.();
	main = shown = preview = null;
	events.stop();
	document.querySelectorAll("dialog").forEach(dialog => dialog.close());
	hush();
	ended = !session.leaving;
	begin();
});

events.on("session", tellSignedOut);

document.body.prepend(app,
	h("div", { id: "toasts", role: "status" }), h("div", { id: "alerts", role: "alert" }), h("div", { id: "announcer", class: "hidden", role: "status" }));
loadIcons().catch(() => {});  //  Without pictures everything still has its name
begin();

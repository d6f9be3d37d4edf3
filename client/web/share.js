//  Who may see and change an entry.
import { get, post } from "./api.js";
import { openDialog, toast } from "./dialog.js";
import { h, icon, put, tool } from "./dom.js";
import { baseOf } from "./format.js";
import { T } from "./text.js";

export function openShare(item) {
	const list = h("ul.people", { "aria-labelledby": "share-with" });
	const person = h("input", { id: "share-user", autocomplete: "off", autocapitalize: "none", spellcheck: "false", required: true, autofocus: true });
	const rights = h("select", { id: "share-rights" }, h("option", { value: "read" }, T.share.read), h("option", { value: "write" }, T.share.write));
	const form = h("form.share-form", { onsubmit: async event => {
		event.preventDefault();
		await change(async () => {
			const user = person.value.trim();
			await post("/share", { path: item.path, user, rights: rights.value });
			person.value = "";
			toast(T.share.added(user));
		});
	} },
	h("div", h("label", { for: "share-user" }, T.share.person), person), h("div", h("label", { for: "share-rights" }, T.share.rights), rights),
	h("button", { type: "submit", class: "primary" }, T.share.add));
	const dialog = openDialog({ title: T.share.title(item.name), body: [form, h("h3", { id: "share-with" }, T.share.with), list] });

	async function change(action) {
		try {
			await action();
			await load();
		}
		catch (error) {
			if (error.code === "not_found")
				error.advice = T.share.unknown;
			dialog.fail(error);
		}
	}

	async function load() {
		let reply = await get("/grants", { path: item.path });
		const grants = [...reply.grants];
		while (reply.more)
			grants.push(...(reply = await get("/grants", { path: item.path, after: reply.next })).grants);
		put(list, row(reply.owner, T.share.owner), grants.map(grant => row(grant.user, T.share[grant.rights], grant)),
			grants.length ? null : h("li.muted", T.share.nobody));
	}

	function row(user, rightsText, grant) {
		const here = grant?.path === item.path;
		return h("li", icon("person"), h("div.grow", h("strong", user),
			h("span.muted", rightsText, grant && !here ? ` · ${T.share.inherited(baseOf(grant.path))}` : "")),
		here && tool(T.share.remove(user), "close", () => change(async () => {
			await post("/unshare", { path: item.path, user });
			toast(T.share.removed(user));
			person.focus();
		})));
	}

	change(async () => {});
}

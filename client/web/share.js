//  Who may see and change an entry.
import { pages, post } from "./api.js";
import { openDialog, toast } from "./dialog.js";
import { h, icon, put, tool } from "./dom.js";
import { baseOf } from "./format.js";
import { T } from "./text.js";

const t = T.share;

export function openShare(item) {
	const list = h("ul.cards", { "aria-labelledby": "share-with" });
	const person = h("input", { id: "share-user", autocomplete: "off", autocapitalize: "none", spellcheck: "false", required: true, autofocus: true });
	const rights = h("select", { id: "share-rights" }, h("option", { value: "read" }, t.read), h("option", { value: "write" }, t.write));
	const form = h("form.share-form", { onsubmit: async event => {
		event.preventDefault();
		await change(async () => {
			const user = person.value.trim();
			await post("/share", { path: item.path, user, rights: rights.value });
			person.value = "";
			toast(t.added(user));
		});
	} },
	h("div", h("label", { for: "share-user" }, t.person), person), h("div", h("label", { for: "share-rights" }, t.rights), rights),
	h("button", { type: "submit", class: "primary" }, t.add));
	const dialog = openDialog({ title: t.title(item.name), body: [form, h("h3", { id: "share-with" }, t.with), list] });

	async function change(action) {
		try {
			await action();
			await load();
		}
		catch (error) {
			if (error.code === "not_found")
				error.advice = t.unknown;
			dialog.fail(error);
		}
	}

	async function load() {
		const grants = [];
		let owner;
		for await (const page of pages("/grants", { path: item.path })) {
			owner = page.owner;
			grants.push(...page.grants);
		}
		put(list, row(owner, t.owner), grants.map(grant => row(grant.user, T.share[grant.rights], grant)),
			grants.length ? null : h("li.muted", t.nobody));
	}

	function row(user, rightsText, grant) {
		const here = grant?.path === item.path;
		return h("li", icon("person"), h("div.grow", h("strong", user),
			h("span.muted", rightsText, grant && !here ? ` · ${t.inherited(baseOf(grant.path))}` : "")),
		here && tool(t.remove(user), "close", () => change(async () => {
			await post("/unshare", { path: item.path, user });
			toast(t.removed(user));
			person.focus();
		})));
	}

	change(async () => {});
}

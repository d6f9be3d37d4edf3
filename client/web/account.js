//  The person's own things: password, sessions, colours, leaving.
import { del, get, put as send, sentenceOf, tellSignedOut } from "./api.js";
import { complain, toast } from "./dialog.js";
import { h, button, icon, problemLine, put } from "./dom.js";
import { when } from "./format.js";
import { logout, revealing, session } from "./session.js";
import { T } from "./text.js";

const t = T.account;

export function openAccount(main) {
	document.title = T.title(t.title);
	const sessions = h("ul.cards", { "aria-label": t.sessions });
	put(main,
		h("header.bar", h("h1", { tabindex: -1 }, session.user), h("span.badge", t.role[session.role]), h("span.grow"),
			button(t.logout, { onclick: () => logout().then(tellSignedOut, complain) }, "leave")),
		h("div.sections", part(T.theme.label, null, themes()), part(t.password, t.passwordLead, passwordForm(() => showSessions(sessions))),
			part(t.sessions, t.sessionsLead, sessions)));
	showSessions(sessions);
	return { close() {} };
}

const part = (title, lead, body) => h("section", { "aria-label": title }, h("h2", title), lead && h("p.muted", lead), body);

function themes() {
	const current = localStorage.getItem("theme") ?? "system";
	return h("div.segments", { role: "group", "aria-label": T.theme.label }, ["system", "light", "dark"].map(name =>
		button(T.theme[name], { "aria-pressed": String(name === current), onclick: event => {
			localStorage.setItem("theme", name);
			document.documentElement.dataset.theme = name;
			for (const one of event.currentTarget.parentElement.children)
				one.setAttribute("aria-pressed", String(one === event.currentTarget));
		} }, name)));
}

function passwordForm(done) {
	const old = h("input", { id: "old-password", type: "password", autocomplete: "current-password", required: true });
	const fresh = h("input", { id: "new-password", type: "password", autocomplete: "new-password", required: true, minlength: 8, "aria-describedby": "new-hint" });
	const problem = problemLine();
	return h("form.fields.narrow", { onsubmit: async event => {
		event.preventDefault();
		problem.hidden = true;
		try {
			await send("/password", { old: old.value, new: fresh.value });
			event.target.reset();
			toast(t.changed);
			done();
		}
		catch (error) {
			problem.say(sentenceOf(error));
			old.focus();
		}
	} },
	h("input", { type: "text", autocomplete: "username", value: session.user, hidden: true, "aria-hidden": "true", tabindex: -1 }),
	h("label", { for: "old-password" }, t.old), revealing(old),
	h("label", { for: "new-password" }, t.new), revealing(fresh), h("p", { id: "new-hint", class: "hint" }, T.entrance.passwordHint), problem,
	h("div", h("button", { type: "submit", class: "primary" }, t.change)));
}

async function showSessions(host) {
	try {
		const { sessions } = await get("/sessions");
		put(host, sessions.map(one => h("li", icon("person"), h("div.grow",
			h("strong", t.begun(when(one.created_ms))), h("span.muted", `${t.used(when(one.used_ms))} · ${t.until(when(one.expires_ms))}`)),
		one.current ? h("span.badge", t.current)
			: button(t.end, { "aria-label": t.endNamed(when(one.created_ms)), onclick: () => del(`/sessions/${one.session}`).then(() => {
				toast(t.ended);
				showSessions(host);
			}, complain) }))));
	}
	catch (error) {
		complain(error);
	}
}

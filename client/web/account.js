//  The person's own things: password, sessions, colours, leaving.
import { del, get, put as send, sentenceOf, tellSignedOut } from "./api.js";
import { complain, toast } from "./dialog.js";
import { h, button, icon, problemLine, put } from "./dom.js";
import { when } from "./format.js";
import { logout, revealing, session } from "./session.js";
import { T } from "./text.js";

export function openAccount(main) {
	document.title = T.title(T.account.title);
	const sessions = h("ul.cards", { "aria-label": T.account.sessions });
	put(main,
		h("header.bar", h("h1", { tabindex: -1 }, session.user), h("span.badge", T.account.role[session.role]), h("span.grow"),
			button(T.account.logout, { onclick: () => logout().then(tellSignedOut, complain) }, "leave")),
		h("div.sections",
			h("section", { "aria-labelledby": "colours" }, h("h2", { id: "colours" }, T.theme.label), themes()),
			h("section", { "aria-labelledby": "change-password" }, h("h2", { id: "change-password" }, T.account.password),
				h("p.muted", T.account.passwordLead), passwordForm(() => showSessions(sessions))),
			h("section", { "aria-labelledby": "sessions" }, h("h2", { id: "sessions" }, T.account.sessions), h("p.muted", T.account.sessionsLead), sessions)));
	showSessions(sessions);
	return { close() {} };
}

function themes() {
	const current = localStorage.getItem("theme") ?? "system";
	return h("div.segments", { role: "group", "aria-labelledby": "colours" }, ["system", "light", "dark"].map(name =>
		button(T.theme[name], { "aria-pressed": String(name === current), onclick: event => {
			if (name === "system")
				localStorage.removeItem("theme");
			else
				localStorage.setItem("theme", name);
			document.documentElement.dataset.theme = name;
			for (const one of event.currentTarget.parentElement.children)
				one.setAttribute("aria-pressed", String(one === event.currentTarget));
		} }, { system: "system", light: "sun", dark: "moon" }[name])));
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
			toast(T.account.changed);
			done();
		}
		catch (error) {
			problem.say(sentenceOf(error));
			old.focus();
		}
	} },
	h("input", { type: "text", autocomplete: "username", value: session.user, hidden: true, "aria-hidden": "true", tabindex: -1 }),
	h("label", { for: "old-password" }, T.account.old), revealing(old),
	h("label", { for: "new-password" }, T.account.new), revealing(fresh), h("p", { id: "new-hint", class: "hint" }, T.entrance.passwordHint), problem,
	h("div", h("button", { type: "submit", class: "primary" }, T.account.change)));
}

async function showSessions(host) {
	try {
		const { sessions } = await get("/sessions");
		put(host, sessions.map(one => h("li", icon("person"), h("div.grow",
			h("strong", T.account.begun(when(one.created_ms))), h("span.muted", `${T.account.used(when(one.used_ms))} · ${T.account.until(when(one.expires_ms))}`)),
		one.current ? h("span.badge", T.account.current)
			: button(T.account.end, { "aria-label": T.account.endNamed(when(one.created_ms)), onclick: () => del(`/sessions/${one.session}`).then(() => {
				toast(T.account.ended);
				showSessions(host);
			}, complain) }))));
	}
	catch (error) {
		complain(error);
	}
}

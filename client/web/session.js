//  Who is here: the entrance and the session that follows.
import { call, get, post, sentenceOf } from "./api.js";
import { h, button, problemLine, put, tool } from "./dom.js";
import { T } from "./text.js";

const t = T.entrance;

export let session = { signed_in: false };

export const home = () => `/users/${session.user}`;
export const isAdmin = () => session.role === "admin";

export async function load() {
	session = await get("/session");
	return session;
}

export async function logout() {
	await call("DELETE", "/session");
	session = { signed_in: false, leaving: true };
}

//  The card that is shown instead of the page. Resolves when somebody is signed in.
export function enter(host, { first, ended }) {
	return new Promise(resolve => show(host, first ? "first" : "login", ended, resolve));
}

function show(host, mode, ended, resolve) {
	const making = mode !== "login";
	const name = h("input", { id: "user", name: "username", autocomplete: "username", autocapitalize: "none", spellcheck: "false",
		required: true, maxlength: 64, ...(making ? { "aria-describedby": "user-hint" } : {}) });
	const password = h("input", { id: "password", name: "password", type: "password", required: true,
		autocomplete: making ? "new-password" : "current-password", ...(making ? { minlength: 8, "aria-describedby": "password-hint" } : {}) });
	const problem = problemLine();
	const submit = h("button", { type: "submit", class: "primary wide" },
		h("span", making ? mode === "first" ? t.firstAction : t.register : t.login));
	const form = h("form.fields", { novalidate: true, onsubmit: async event => {
		event.preventDefault();
		problem.hidden = true;
		if (!name.value || !password.value)
			return refuse(t.missing, name.value ? password : name);
		submit.disabled = true;
		try {
			await post(making ? "/accounts" : "/session", { name: name.value, password: password.value });
			await load();
			resolve();
		}
		catch (error) {
			refuse(sentenceOf(error), password);
		}
		finally {
			submit.disabled = false;
		}
	} },
	h("label", { for: "user" }, t.name), name, making && h("p", { id: "user-hint", class: "hint" }, t.nameHint),
	h("label", { for: "password" }, t.password), revealing(password),
	making && h("p", { id: "password-hint", class: "hint" }, t.passwordHint), problem, submit);

	function refuse(sentence, field) {
		problem.say(sentence);
		field.focus();
		field.select();
	}

	const title = { first: t.first, login: T.product, register: t.register }[mode];
	const lead = { first: t.firstLead, login: ended ? t.ended : t.loginLead, register: t.registerLead }[mode];
	const other = { login: ["register", t.toRegister], register: ["login", t.toLogin] }[mode];
	put(host, h("main.entrance", { tabindex: -1 },
		h("div.card",
			h("img", { src: "favicon.svg", alt: "", width: 48, height: 48 }),
			h("h1", title), h("p.lead", lead), form,
			other && button(other[1], { class: "link", onclick: () => show(host, other[0], false, resolve) }))));
	document.title = T.title(making ? t.register : t.login);
	name.focus();
}

//  With a button that shows what was typed.
export function revealing(input) {
	const eye = tool(t.show, "eye", () => {
		const hidden = input.type === "password";
		input.type = hidden ? "text" : "password";
		eye.ariaLabel = eye.title = hidden ? t.hide : t.show;
	});
	return h("div.revealing", input, eye);
}

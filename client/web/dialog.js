//  Dialogs, and short messages that go away by themselves.
import { h, button, icon, problemLine, tool } from "./dom.js";
import { T } from "./text.js";
import { sentenceOf } from "./api.js";

const TOAST_MS = 8000;
let serial = 0;

//  "body" is nodes, "actions" buttons at its foot. Gives { element, close, fail }.
export function openDialog({ title, body, actions = [], kind = "", onclose, back = document.activeElement }) {
	const id = `dialog-${++serial}`;
	const problem = problemLine();
	const element = h("dialog", { class: `dialog ${kind}`, "aria-labelledby": id },
		h("header", h("h2", { id }, title), tool(T.close, "close", () => close())),
		h("div.dialog-body", body, problem),
		actions.length ? h("footer", actions) : null);
	const close = value => element.open && element.close(value ?? "");
	element.addEventListener("close", () => {
		element.remove();
		if (!document.activeElement || document.activeElement === document.body)
			(back?.isConnected ? back : document.querySelector("main"))?.focus({ preventScroll: true });
		onclose?.(element.returnValue);
	});
	//  A press beside it, where its backdrop is
	element.addEventListener("mousedown", ({ target, clientX: x, clientY: y }) => {
		const { left, right, top, bottom } = element.getBoundingClientRect();
		if (target === element && (x < left || x > right || y < top || y > bottom))
			close();
	});
	document.body.append(element);
	element.showModal();
	element.querySelector("[autofocus]")?.focus();
	return { element, close, fail: error => problem.say(typeof error === "string" ? error : sentenceOf(error)) };
}

//  A question with one answer besides "cancel". Resolves to true or false.
export function confirm({ title, sentence, action, danger }) {
	return new Promise(resolve => {
		const dialog = openDialog({
			title, body: h("p", sentence),
			actions: [
				button(T.cancel, { onclick: () => dialog.close() }),
				button(action, { class: danger ? "danger" : "primary", autofocus: true, onclick: () => dialog.close("yes") }),
			],
			onclose: answer => resolve(answer === "yes"),
		});
	});
}

//  One line of text, without spaces around it. "commit" may refuse by throwing; the dialog then stays and says why.
export function ask({ title, label, action, check, commit }) {
	const input = h("input", { id: `field-${++serial}`, autocomplete: "off", spellcheck: "false", autofocus: true });
	const form = h("form.fields", { onsubmit: async event => {
		event.preventDefault();
		const text = input.value.trim(), refusal = check?.(text);
		if (refusal)
			return dialog.fail(refusal);
		try {
			submit.disabled = true;
			await commit(text);
			dialog.close();
		}
		catch (error) {
			dialog.fail(error);
		}
		finally {
			submit.disabled = false;
		}
	} }, h("label", { for: input.id }, label), input);
	const submit = button(action, { class: "primary", onclick: () => form.requestSubmit() });
	const dialog = openDialog({ title, body: form, actions: [button(T.cancel, { onclick: () => dialog.close() }), submit] });
}

//  A short message at the foot of the page. Errors wait until they are closed.
export function toast(sentence, { action, label, error } = {}) {
	const region = document.getElementById(error ? "alerts" : "toasts");
	for (const old of [...region.children])  //  Said already: once is enough
		if (old.querySelector("p").textContent === sentence)
			old.remove();
	const element = h("div", { class: `toast ${error ? "error" : ""}` },
		error && icon("warning"), h("p", sentence), action && button(label, { class: "link", onclick: () => (end(), action()) }),
		tool(T.dismiss, "close", () => end()));
	let timer = null;
	const stay = () => clearTimeout(timer);
	const end = () => (stay(), element.remove());
	const begin = () => (stay(), timer = error ? null : setTimeout(end, TOAST_MS));
	for (const [event, handler] of Object.entries({ pointerenter: stay, pointerleave: begin, focusin: stay, focusout: begin }))
		element.addEventListener(event, handler);
	while (region.childElementCount > 1)
		region.firstChild.remove();
	region.append(element);
	begin();
	return end;
}

export const hush = () => document.querySelectorAll(".toast").forEach(toast => toast.remove());

export const complain = error => error?.name === "AbortError" || toast(sentenceOf(error), { error: true });

//  Who is on the bus: services, their commands, and what these take and give, as their schemas say.
import { get, sentenceOf } from "./api.js";
import { h, put, write } from "./dom.js";
import { T } from "./text.js";

const t = T.services;

//  Gives { element, load }.
export function servicesList() {
	const element = h("ul.services"), rows = new Map();

	async function load() {
		const { services } = await get("/services");
		for (const one of services) {
			if (!rows.has(one.name))
				rows.set(one.name, row(one.name));
			write(rows.get(one.name).state, one.workers ? t.workers(one.workers - one.idle, one.workers) : t.nobody(one.waiting));
		}
		const shown = services.map(({ name }) => rows.get(name).element);
		if (shown.length !== element.childElementCount || shown.some((one, n) => one !== element.children[n]))
			put(element, shown);
	}
	return { element, load };
}

function row(name) {
	const state = h("span.muted"), body = h("div", h("p.muted", T.loading));
	let asked = false;
	return { state, element: h("li", h("details", { ontoggle: () => {
		if (!asked)
			describe(name, body);
		asked = true;
	} }, h("summary", h("strong", name), state), body)) };
}

async function describe(name, body) {
	try {
		const { title, version, commands, topics } = await get(`/services/${encodeURIComponent(name)}`);
		put(body, h("p", `${title} · ${t.version(version)}`), topics.length > 0 && h("p.muted", t.hears(topics.map(topic => topic.replace(/\.$/, ".*")).join(", "))), commands.map(command));
	}
	catch (error) {
		put(body, h("p.muted", error.code === "unknown_command" ? t.silent : sentenceOf(error)));
	}
}

function command({ command: name, description, needs, http, frames, errors = [], request, reply }) {
	return h("details", h("summary", h("code", name), h("span.muted", description)),
		h("p.muted", [t.needs(needs), http, frames, errors.length && t.errors(errors.join(", "))].filter(Boolean).join(" · ")),
		fields(t.request, request), fields(t.reply, reply));
}

function fields(title, { properties = {}, required = [] } = {}) {
	const rows = Object.entries(properties);
	return rows.length > 0 && h("div.scroll", { tabindex: 0, role: "region", "aria-label": title }, h("table",
		h("thead", h("tr", [title, t.type, t.meaning].map(text => h("th", { scope: "col" }, text)))),
		h("tbody", rows.map(([name, schema]) => h("tr", h("td", h("code", name), !required.includes(name) && h("span.muted", ` ${t.optional}`)),
			h("td", typeOf(schema)), h("td", schema.description ?? ""))))));
}

const typeOf = ({ type, items, enum: values }) => values?.join(", ") ?? (items ? t.list(typeOf(items)) : type ?? "");

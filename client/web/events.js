//  What happens in the store, as it happens: server-sent events, read by hand because EventSource cannot listen to topics
//  that it does not know (heartbeat.NODE) and does not tell why a connection failed.
//
//  A browser opens few connections to one server. So of all pages of a person in one browser that one is connected which has
//  the lock, and it tells the others.
import { API, tellSignedOut } from "./api.js";

const SILENCE_MS = 40000;  //  The bridge writes at least a comment every 15 s
const WAIT_MS = [500, 1000, 2000, 5000, 10000];

const listeners = new Set();
const watchers = new Set();
let last = null;  //  Sequence of the last durable event: where to go on
let stopper = null;  //  Ends the connection that is open
let wake = null;  //  Ends a wait between two attempts
let running = false;
let channel = null;  //  To the other pages of this person in this browser

export let state = { connected: false, failures: 0 };

//  Hear events whose topic is this one or begins with it ("file.", "status"). Gives a function that ends it.
export function on(topic, action) {
	const listener = { topic, action };
	listeners.add(listener);
	return () => listeners.delete(listener);
}

//  Hear when the connection comes and goes. Called at once with the present state.
export function watch(action) {
	watchers.add(action);
	action(state);
	return () => watchers.delete(action);
}

//  Begin after the event of this sequence.
export function start(since, user) {
	last = since;
	running = true;
	const name = `events ${user}`;
	if (!navigator.locks)  //  Only over TLS, or on this machine
		return void run();
	channel = new BroadcastChannel(name);
	channel.onmessage = ({ data }) => data.state ? become(data.state) : deliver(data.topic, data.text, data.id);
	const mine = channel;
	navigator.locks.request(name, () => mine === channel && running ? run() : null);
}

export function stop() {
	running = false;
	channel?.close();
	channel = null;
	stopper?.abort();
	wake?.();
}

export function retry() {
	wake?.();
}

addEventListener("online", retry);
addEventListener("offline", () => stopper?.abort());

function become(next) {
	state = next;
	watchers.forEach(watcher => watcher(state));
}

//  Here, and in the other pages.
function becomeAll(next) {
	become(next);
	channel?.postMessage({ state: next });
}

function deliverAll(topic, text, id) {
	deliver(topic, text, id);
	channel?.postMessage({ topic, text, id });
}

async function run() {
	while (running) {
		await connection().catch(() => {});
		if (!running)
			break;
		const failures = state.failures + 1;
		const wait = WAIT_MS[Math.min(failures, WAIT_MS.length) - 1] * (0.8 + 0.4 * Math.random());
		becomeAll({ connected: false, failures });
		await new Promise(resolve => {
			wake = resolve;
			setTimeout(resolve, wait);
		});
		wake = null;
	}
	becomeAll({ connected: false, failures: 0 });
}

async function connection() {
	stopper = new AbortController();
	let alarm = null;
	const alive = () => {
		clearTimeout(alarm);
		alarm = setTimeout(() => stopper.abort(), SILENCE_MS);
	};
	try {
		alive();
		const response = await fetch(`${API}/events`, {
			headers: { Accept: "text/event-stream", ...(last === null ? {} : { "Last-Event-ID": String(last) }) },
			signal: stopper.signal, cache: "no-store",
		});
		if (response.status === 401)
			tellSignedOut();
		if (!response.ok)
			throw new Error(`status ${response.status}`);
		becomeAll({ connected: true, failures: 0 });
		const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
		const parser = new Parser();
		for (;;) {
			const { done, value } = await reader.read();
			if (done)
				return;
			alive();
			parser.feed(value, deliverAll);
		}
	}
	finally {
		clearTimeout(alarm);
	}
}

function deliver(topic, data, id) {
	if (id !== null)
		last = id;
	if (!data)
		return;  //  Only says how far it is
	try {
		tell(topic, JSON.parse(data));
	}
	catch (error) {
		console.error(topic, error);  //  One bad event must not end the stream
	}
}

//  Also for what this page did itself: it is seen at once, and the event that follows says the same.
export function tell(topic, payload) {
	for (const { topic: wanted, action } of [...listeners])
		if (topic === wanted || wanted.endsWith(".") && topic.startsWith(wanted))
			action(payload, topic);
}

//  text/event-stream as the bridge writes it: lines end with \n, events with an empty one.
class Parser {
	rest = "";

	feed(text, deliver) {
		const blocks = (this.rest + text).split("\n\n");
		this.rest = blocks.pop();
		for (const block of blocks) {
			const fields = {};
			for (const line of block.split("\n")) {
				const [, name, value] = /^(\w*): ?(.*)/.exec(line) ?? [];
				if (name)
					fields[name] = fields[name] === undefined ? value : `${fields[name]}\n${value}`;
			}
			if (fields.data || fields.id)
				deliver(fields.event ?? "message", fields.data, fields.id === undefined ? null : Number(fields.id));
		}
	}
}

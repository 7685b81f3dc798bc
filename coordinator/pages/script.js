/*
 * Only improves pages that work without it. A log is shown in blocks of lines: those that are seen are
 * asked for and stand in the page, the others are empty boxes of about the right height. All markup
 * comes from the coordinator, escaped there as in its own pages; texts are put in as texts.
 */
(() => {
"use strict";
const BLOCK = 500, ROW = 20, TALLEST = 1.5e7;
const $ = (s, e = document) => e.querySelector(s);
const $$ = (s, e = document) => [...e.querySelectorAll(s)];
const made = (tag, name, text) => {
	const e = document.createElement(tag);
	if (name) e.className = name;
	if (text) e.textContent = text;
	return e;
};
const parsed = html => { const t = document.createElement("template"); t.innerHTML = html; return t.content; };
const number = p => +p.id.slice(p.id.indexOf("-") + 1);

/* ---- times, in the reader's zone ---- */

const ago = s => {
	for (const [n, name] of [[31536000, "year"], [2592000, "month"], [86400, "day"], [3600, "hour"], [60, "minute"]]) {
		const k = Math.floor(Math.abs(s) / n);
		if (k) return (s < 0 ? "in " : "") + k + " " + name + (k > 1 ? "s" : "") + (s < 0 ? "" : " ago");
	}
	return "just now";
};
const span = ms => {
	const s = Math.floor(ms / 1000), two = n => String(n).padStart(2, "0");
	return s >= 3600 ? `${Math.floor(s / 3600)}h ${two(Math.floor(s / 60) % 60)}m`
		: s >= 60 ? `${Math.floor(s / 60)}m ${two(s % 60)}s` : s ? `${s}s` : "< 1s";
};
const times = () => {
	for (const t of $$("time[datetime]:not(.t)")) {
		const at = new Date(t.dateTime);
		if (!t.dataset.utc) t.dataset.utc = t.title;
		t.title = at.toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" }) + " (" + t.dataset.utc + ")";
		t.textContent = ago((Date.now() - at) / 1000);
	}
};
times();
setInterval(times, 30000);

const list = $("ol.steps[data-url]");
if (!list) return;
const url = list.dataset.url, logs = new Map();
let timed = list.classList.contains("times"), chosen = null, query = "", hits = [], hit = -1, more = false, follow = false;

/* A line has the time of the one before it unless it says another. */
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const stamp = lines => { let at = 0; for (const p of lines) p.at = at = +p.dataset.t || at; };

/* ---- one step's log ---- */

class Log {
	constructor(step, el) {
		Object.assign(this, { step, el, lines: 0, error: 0, groups: [], unfolded: new Set(), blocks: [] });
		this.eyes = new IntersectionObserver(seen => seen.forEach(s => this.seen(s.target.block, s.isIntersecting)),
			{ root: el, rootMargin: "800px 0px" });
		el.addEventListener("click", e => this.click(e));
		el.addEventListener("keydown", e => {
			if ((e.key === "Enter" || e.key === " ") && e.target.closest(".g > span")) this.click(e);
		});
		el.addEventListener("scroll", () => this.scrolled());
	}

	/* What the coordinator knows of it; again when lines were missed. */
	async ask() {
		const told = await (await fetch(`${url}/steps/${this.step}/index`)).json();
		const old = this.lines;
		if (told.lines < old && !told.whole) return;
		this.groups = [];
		for (let i = 0; i < told.groups.length; i += 2) this.groups.push([told.groups[i], told.groups[i + 1]]);
		this.lines = told.lines;
		this.error = told.error;
		this.grow();
		const b = this.shown && told.lines > old && this.blocks[Math.floor(old / BLOCK)];
		if (!b || !b.full) return;
		b.full = false;
		await this.fill(b);
	}

	/* Shows it instead of what the page came with, once the lines at that one are there. */
	async open(line) {
		await this.ask();
		line = line === "error" ? this.error : line;
		const end = follow && running() === this;
		const at = Math.min(line || (end ? this.lines : 1), this.lines) || 1, block = this.blocks[Math.floor((at - 1) / BLOCK)];
		this.unfold(at);
		this.measure();
		if (block) await this.fill(block);
		this.el.replaceChildren(...this.blocks.map(b => b.el));
		this.el.classList.add("live");
		this.el.tabIndex = 0;
		this.el.setAttribute("role", "region");
		this.el.setAttribute("aria-label", "Log of step " + this.step);
		this.shown = true;
		this.blocks.forEach(b => this.eyes.observe(b.el));
		if (line) this.go(line, !!location.hash);
		else if (end) this.bottom();
	}

	/* ---- folding ---- */

	/* The first group that ends behind the line. */
	groupFrom(line) {
		let low = 0, high = this.groups.length;
		while (low < high) {
			const middle = (low + high) >> 1, g = this.groups[middle];
			if (!g[1] || g[1] > line) high = middle;
			else low = middle + 1;
		}
		return low;
	}
	folds(line) {
		const g = this.groups[this.groupFrom(line)];
		return g && line > g[0] && !this.unfolded.has(g[0]);
	}
	unfold(line) {
		const g = this.groups[this.groupFrom(line)];
		if (!g || line <= g[0] || this.unfolded.has(g[0])) return;
		this.unfolded.add(g[0]);
		this.refresh();
	}
	toggle(head) {
		if (!this.unfolded.delete(head)) this.unfolded.add(head);
		this.refresh();
	}
	refresh() {
		this.measure();
		this.blocks.forEach(b => b.full && this.dress(b));
	}

	/* ---- blocks ---- */

	rows(b) {
		let n = Math.min(b.last, this.lines) - b.first + 1;
		for (let i = this.groupFrom(b.first); i < this.groups.length && this.groups[i][0] < b.last; i++) {
			const [from, to] = this.groups[i];
			if (!this.unfolded.has(from)) n -= Math.max(0, Math.min((to || Infinity) - 1, b.last, this.lines) - Math.max(from, b.first - 1));
		}
		return Math.max(n, 0);
	}
	/* Of boxes whose lines were never seen. */
	height(b) {
		const row = Math.min(ROW, TALLEST / Math.max(this.lines, 1));
		return b.rows ? b.tall && b.tallRows === b.rows ? b.tall : b.rows * row : 0;
	}
	measure() {
		for (const b of this.blocks) {
			b.rows = this.rows(b);
			if (!b.full) b.gap.style.height = this.height(b) + "px";
		}
	}
	grow() {
		while (this.blocks.length * BLOCK < this.lines) {
			const first = this.blocks.length * BLOCK + 1, b = { first, last: first + BLOCK - 1, el: made("div"), gap: made("div"), rows: 0 };
			b.el.append(b.gap);
			b.el.block = b;
			this.blocks.push(b);
			if (this.shown) {
				this.el.append(b.el);
				this.eyes.observe(b.el);
			}
		}
		for (const b of this.blocks.slice(-2)) {
			b.rows = this.rows(b);
			if (!b.full) b.gap.style.height = this.height(b) + "px";
		}
	}
	seen(b, now) {
		b.near = now;
		clearTimeout(b.timer);
		if (now && !b.full && b.rows) b.timer = setTimeout(() => this.fill(b), 40);
		else if (!now && b.full) this.empty(b);
		else if (!now && b.stop && !b.wanted) b.stop.abort();
	}
	empty(b) {
		b.tall = b.el.offsetHeight;
		b.tallRows = b.rows;
		b.gap.style.height = b.tall + "px";
		b.el.replaceChildren(b.gap);
		b.full = false;
	}
	/* Lines that were added meanwhile are asked for as well. */
	fill(b) {
		if (b.full || b.coming) return b.coming;
		b.stop = new AbortController();
		const some = async () => {
			const got = document.createDocumentFragment();
			for (let from = b.first, to; from <= (to = Math.min(b.last, this.lines));) {
				const answer = await fetch(`${url}/steps/${this.step}/lines?from=${from}&to=${to}`, { signal: b.stop.signal });
				if (!answer.ok) throw new Error(answer.status);
				const part = parsed(await answer.text());
				if (!part.lastElementChild) break;
				from = number(part.lastElementChild) + 1;
				got.append(part);
			}
			b.el.replaceChildren(got);
			b.full = true;
			this.dress(b);
		};
		return b.coming = some().catch(() => {}).finally(() => { b.coming = null; });
	}
	/* What the lines of a block look like for this reader now. */
	dress(b) {
		stamp(b.el.children);
		for (const p of b.el.children) this.dressLine(p);
		mark(b.el);
	}
	dressLine(p) {
		const n = number(p);
		p.hidden = p.classList.contains("x") || this.folds(n);
		p.classList.toggle("sel", !!chosen && chosen[0] === this.step && n >= chosen[1] && n <= chosen[2]);
		p.classList.toggle("cur", hit >= 0 && hits[hit][0] === this.step && hits[hit][1] === n);
		const link = $(".n", p);
		if (timed && p.at && link && !$(".t", p)) link.after(made("time", "t", clock.format(p.at)));
		if (!p.classList.contains("g")) return;
		const head = p.lastElementChild;
		head.setAttribute("role", "button");
		head.setAttribute("aria-expanded", this.unfolded.has(n));
		head.tabIndex = 0;
	}

	/* ---- moving ---- */

	async go(line, page = true) {
		const b = this.blocks[Math.floor((line - 1) / BLOCK)];
		if (!b) return;
		follow = false;
		this.unfold(line);
		b.wanted = true;
		await this.fill(b);
		b.wanted = false;
		const p = document.getElementById(`L${this.step}-${line}`);
		if (p && page) p.scrollIntoView({ block: "center" });
		else if (p) this.el.scrollTop += p.getBoundingClientRect().top - this.el.getBoundingClientRect().top - this.el.clientHeight / 4;
		buttons();
	}
	/* Until the box has its height the page goes along. */
	bottom() {
		this.el.scrollTop = this.el.scrollHeight;
		if (this.placed) return;
		this.el.scrollIntoView({ block: "nearest" });
		this.placed = this.el.scrollHeight > this.el.clientHeight;
	}
	scrolled() {
		const y = this.el.scrollTop, low = y + this.el.clientHeight >= this.el.scrollHeight - 2 * ROW;
		if (running() === this) {
			if (low) follow = true;
			else if (y < this.y - 2) follow = false;
			buttons();
		}
		this.y = y;
	}
	click(e) {
		const link = e.target.closest("a.n"), head = e.target.closest(".g > span");
		if (head && !getSelection().toString()) {
			e.preventDefault();
			this.toggle(number(head.parentElement));
		} else if (link) {
			e.preventDefault();
			choose(this.step, number(link.parentElement), e.shiftKey);
		}
	}

	/* ---- what is new ---- */

	add(from, to, html) {
		if (!this.shown || to <= this.lines) return;
		if (from > this.lines + 1) {
			this.ask();
			return;
		}
		const part = parsed(html), news = [...part.children].filter(p => number(p) > this.lines), old = this.lines;
		this.lines = to;
		stamp(news);
		for (const p of news) {
			const last = this.groups[this.groups.length - 1];
			if (last && !last[1] && (p.className === "x" || p.className === "g")) last[1] = number(p);
			if (p.className === "g") this.groups.push([number(p), 0]);
			if (query && p.lastElementChild && p.lastElementChild.textContent.toLowerCase().includes(query)) hits.push([this.step, number(p)]);
		}
		this.grow();
		for (const p of news) {
			const b = this.blocks[Math.floor((number(p) - 1) / BLOCK)];
			if (!b.full && b.first > old && (b.near || follow) && !b.coming) {
				b.full = true;
				b.gap.remove();
			}
			if (!b.full) continue;
			this.dressLine(p);
			b.el.append(p);
			mark(p);
		}
		if (follow && running() === this) this.bottom();
	}
	forget() {
		this.eyes.disconnect();
		Object.assign(this, { lines: 0, error: 0, groups: [], blocks: [] });
		this.unfolded.clear();
		this.el.replaceChildren();
		if (this.shown) this.ask();
	}
}

/* ---- steps ---- */

const item = step => document.getElementById("step-" + step);

/* A step whose log was a link, or had none yet, unfolds here. */
function unfolding(li) {
	let d = $("details", li);
	if (d) return d;
	const head = li.firstElementChild, summary = made("summary", "head");
	d = made("details");
	summary.append(...head.childNodes);
	$(".fold", summary).classList.remove("bare");
	d.append(summary, made("div", "log"));
	head.replaceWith(d);
	watch(li, d);
	return d;
}
function logOf(step) {
	const li = item(step);
	if (!li) return null;
	if (!logs.has(step)) logs.set(step, new Log(step, $(".log", unfolding(li))));
	return logs.get(step);
}
async function show(step, line) {
	const log = logOf(step);
	if (!log) return;
	if (log.shown) {
		item(step).firstElementChild.open = true;
		if (line) log.go(line === "error" ? log.error : line);
		return;
	}
	if (!log.opening) log.opening = log.open(line);
	item(step).firstElementChild.open = true;
	await log.opening;
}
function watch(li, details) {
	const step = +li.id.slice(5);
	details.addEventListener("toggle", () => { if (details.open) show(step); });
}
function running() {
	const li = $$("li.step").find(e => e.dataset.started && !e.dataset.over);
	return li ? logs.get(+li.id.slice(5)) : null;
}
/* The button that leads to the end of what runs. */
const tail = made("button", "tail", "Follow");
tail.type = "button";
tail.hidden = true;
tail.addEventListener("click", () => {
	const log = running();
	follow = true;
	if (log) log.placed = false;
	if (log) log.bottom();
	buttons();
});
function buttons() {
	const log = running();
	tail.hidden = follow || !log || !log.shown;
	if (log && tail.parentElement !== log.el.parentElement) log.el.after(tail);
}

/* ---- lines that were chosen, and the address that names them ---- */

function dressAll() {
	logs.forEach(log => log.blocks.forEach(b => b.full && [...b.el.children].forEach(p => log.dressLine(p))));
}
function choose(step, line, extend) {
	const from = extend && chosen && chosen[0] === step ? Math.min(chosen[1], line) : line;
	const to = extend && chosen && chosen[0] === step ? Math.max(chosen[2], line) : line;
	chosen = [step, from, to];
	history.replaceState(null, "", "#L" + step + "-" + from + (to > from ? "-L" + step + "-" + to : ""));
	dressAll();
}
function address() {
	const at = /^#L(\d+)-(\d+)(?:-L\1-(\d+))?$/.exec(location.hash);
	if (!at) return false;
	chosen = [+at[1], +at[2], Math.max(+at[2], +at[3] || 0)];
	dressAll();
	show(chosen[0], chosen[1]);
	return true;
}

/* ---- search ---- */

const form = $("form.find"), field = form && form.elements.q, said = made("span", "count");
const button = (text, label, act) => {
	const b = made("button", "", text);
	b.type = "button";
	b.setAttribute("aria-label", label);
	b.hidden = true;
	b.addEventListener("click", act);
	return b;
};
const before = button("↑", "Previous line", () => step(-1)), after = button("↓", "Next line", () => step(1));

/* Paints what was searched for without a change to the page. */
function mark(root) {
	if (!query || !window.Highlight) return;
	const paint = CSS.highlights.get("found") || new Highlight();
	CSS.highlights.set("found", paint);
	const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
	for (let t; (t = texts.nextNode());) {
		if (t.parentElement.className === "n") continue;
		const text = t.data.toLowerCase();
		for (let i = -1; (i = text.indexOf(query, i + 1)) >= 0 && i + query.length <= t.length;) {
			const r = new Range();
			r.setStart(t, i);
			r.setEnd(t, i + query.length);
			paint.add(r);
		}
	}
}
function paintAll() {
	if (window.Highlight) CSS.highlights.delete("found");
	logs.forEach(log => log.blocks.forEach(b => b.full && mark(b.el)));
}
function count() {
	said.textContent = !query ? "" : hits.length ? `${hit + 1} of ${hits.length}${more ? "+" : ""}` : "No line has it";
	before.hidden = after.hidden = !hits.length;
}
async function ask(from) {
	const answer = await fetch(`${url}/find?q=${encodeURIComponent(query)}${from ? "&after=" + from.join("-") : ""}`);
	if (!answer.ok) {
		said.textContent = answer.status === 503 ? "Too many searches now, try again" : "The search failed";
		return false;
	}
	const told = await answer.json();
	hits.push(...told.hits);
	more = told.more;
	return true;
}
async function step(by) {
	if (by > 0 && hit === hits.length - 1 && more && !await ask(hits[hit])) return;
	if (!hits.length) return;
	hit = (hit + by + hits.length) % hits.length;
	count();
	await show(...hits[hit]);
	dressAll();
	paintAll();
}
async function search() {
	query = field.value.toLowerCase();
	hits = [];
	hit = -1;
	more = false;
	dressAll();
	paintAll();
	if (!query) return count();
	said.textContent = "Searching…";
	if (!await ask()) return;
	count();
	step(1);
}
if (form) {
	said.setAttribute("role", "status");
	form.append(before, after, said);
	form.addEventListener("submit", e => {
		e.preventDefault();
		if (query && query === field.value.toLowerCase()) step(1);
		else search();
	});
	field.addEventListener("keydown", e => {
		if (e.key === "Enter" && e.shiftKey && query) { e.preventDefault(); step(-1); }
		if (e.key === "Escape") { field.value = ""; search(); }
	});
	document.addEventListener("keydown", e => {
		if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey || /INPUT|SELECT|TEXTAREA/.test(e.target.tagName)) return;
		e.preventDefault();
		field.select();
	});
}

/* ---- times and wrapping ---- */

const stamps = $("a.times");
if (stamps) stamps.addEventListener("click", e => {
	e.preventDefault();
	timed = list.classList.toggle("times");
	stamps.textContent = timed ? "Hide times" : "Show times";
	dressAll();
});

const wrap = $("a.wrap");
if (wrap) wrap.addEventListener("click", e => {
	e.preventDefault();
	const off = list.classList.toggle("nowrap");
	wrap.textContent = off ? "Wrap long lines" : "Do not wrap lines";
	logs.forEach(log => {
		log.blocks.forEach(b => { b.tall = 0; });
		log.measure();
	});
});

/* ---- live ---- */

let source = null, last = "now";
function tick() {
	for (const e of $$("[data-started]"))
		if (!e.dataset.over) took(e, Date.now() - e.dataset.started);
}
function took(e, ms) {
	let t = $(".took:not(.size)", e);
	if (!t && e.matches("li")) $(".head", e).append(t = made("span", "took"));
	if (t) t.textContent = span(Math.max(ms, 0));
}
function state(e, told) {
	const sign = $(".mark", e);
	if (sign) sign.replaceWith(parsed(told.mark));
	if (!told.started) return;
	e.dataset.started = told.started;
	if (told.over) {
		e.dataset.over = 1;
		took(e, told.completed - told.started);
	}
}
const heard = {
	job(told) {
		const head = $("header.lead"), facts = $("dl.facts");
		$(".mark", head).replaceWith(parsed(told.mark));
		$(".state", head).textContent = told.state;
		if (told.started && !$(".took", facts)) facts.prepend(parsed("<div><dt>Took</dt><dd class=\"took\"></dd></div>"));
		state(facts, told);
	},
	step(told) {
		const li = item(told.step), was = li && li.dataset.started;
		if (!li) return;
		state(li, told);
		if (told.bytes) unfolding(li);
		if (follow && !was && told.started && !told.over) show(told.step);
		buttons();
	},
	lines(text) {
		const end = text.indexOf("\n"), [n, from, to] = (end < 0 ? text : text.slice(0, end)).split(" ").map(Number);
		const li = item(n);
		if (li) unfolding(li);
		if (logs.has(n)) logs.get(n).add(from, to, end < 0 ? "" : text.slice(end + 1));
		else if (follow && li && li.dataset.started && !li.dataset.over) show(n);
		if (query) count();
	},
	reset() { logs.forEach(log => log.forget()); },
	end() {
		source.close();
		source = null;
		follow = false;
		buttons();
		logs.forEach(log => log.shown && log.ask());
	},
	broken() { source.close(); source = null; },
};
function listen() {
	if (source || document.hidden || !list.dataset.live || last.endsWith("end")) return;
	source = new EventSource(`${url}/events?at=${last}`);
	for (const name of Object.keys(heard))
		source.addEventListener(name, e => {
			if (e.lastEventId) last = e.lastEventId;
			heard[name](name === "lines" ? e.data : e.data ? JSON.parse(e.data) : null);
		});
	source.onerror = () => {
		if (!source || source.readyState !== EventSource.CLOSED) return;
		source = null;
		setTimeout(listen, 15000);
	};
}
/* A browser has few connections to a host; a page that nobody sees gives its own back. */
document.addEventListener("visibilitychange", () => {
	if (document.hidden && source) { source.close(); source = null; }
	listen();
});

/* ---- the beginning ---- */

$$("li.step").forEach(li => {
	if ($("a.head", li)) unfolding(li);
	else if ($("details", li)) watch(li, $("details", li));
});
const open = $("li.step > details[open]"), here = open && +open.parentElement.id.slice(5);
follow = !!list.dataset.live && !location.hash;
if (!address() && here) {
	const line = +new URLSearchParams(location.search).get("line");
	show(here, location.hash === "#first-error" || (!line && $("#first-error", open)) ? "error" : line > 1 ? line : 0);
}
addEventListener("hashchange", address);
setInterval(tick, 1000);
listen();
})();

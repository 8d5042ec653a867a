// The desk: drafts that save themselves, live previews, and the keyboard. Every page
// works without it; all texts come from the server.
document.documentElement.classList.add("berskrip");

const PAUSE_MS = 800; // after the last key
const RETRY_MS = 5000;

// A select whose groups belong to the values of another field shows the chosen group.
const follow = (form, select) => {
  const chosen = form.querySelector(`[name="${select.dataset.mengikuti}"]:checked`)?.value;
  for (const group of select.querySelectorAll("optgroup")) {
    const other = Boolean(chosen) && group.dataset.milik !== chosen;
    group.hidden = group.disabled = other;
    if (other && group.contains(select.selectedOptions[0])) select.value = "";
  }
};

const follows = (form) => {
  for (const select of form.querySelectorAll("[data-mengikuti]")) {
    const lead = form.querySelectorAll(`[name="${select.dataset.mengikuti}"]`);
    lead.forEach((one) => one.addEventListener("change", () => follow(form, select)));
    select.addEventListener("change", () => {
      const owner = select.selectedOptions[0]?.closest("optgroup")?.dataset.milik;
      if (![...lead].some((one) => one.checked))
        lead.forEach((one) => (one.checked = one.value === owner));
      follow(form, select);
    });
    follow(form, select);
  }
};

const posted = (address, form, more, signal) => {
  const body = new URLSearchParams(new FormData(form));
  for (const [name, value] of Object.entries(more)) body.set(name, value);
  return fetch(address, { method: "POST", body, redirect: "manual", signal });
};

class Entry {
  typed = 0; // counts the changes; those up to `saved` are at the server
  saved = 0;
  sending = false;
  last = Promise.resolve(true); // whether the server was reached

  constructor(form) {
    this.form = form;
    this.state = form.querySelector("[data-keadaan]");
    form.addEventListener("input", () => this.changed());
    form.addEventListener("change", () => this.changed());
    form.addEventListener("submit", (event) => this.submitted(event));
    addEventListener("pageshow", () => (this.sending = false));
    addEventListener("online", () => this.save());
    addEventListener("beforeunload", (event) => {
      if (this.typed !== this.saved && !this.sending) event.preventDefault();
    });
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.flush();
    });
    addEventListener("pagehide", () => this.flush());
  }

  changed() {
    this.typed += 1;
    clearTimeout(this.pause);
    this.pause = setTimeout(() => {
      this.save();
      this.preview();
    }, PAUSE_MS);
  }

  // What was typed is kept before the page is left, so that no cut can lose it.
  submitted(event) {
    if (this.sending || this.typed === this.saved) {
      this.sending = true;
      return;
    }
    event.preventDefault();
    this.save().then((reached) => {
      this.sending = reached;
      if (reached) this.form.requestSubmit(event.submitter);
    });
  }

  save() {
    this.last = this.last.then(() => this.store());
    return this.last;
  }

  async store() {
    if (this.sending || this.typed === this.saved) return true;
    const upTo = this.typed;
    const { draf, tersimpan, terputus } = this.form.dataset;
    let clock, answer;
    try {
      answer = await posted(draf, this.form, { jawab: "json" });
      if (answer.ok) clock = (await answer.json()).pukul;
    } catch {
      // Not connected: said below, and tried again.
    }
    if (clock) this.saved = upTo;
    this.state.textContent = clock ? tersimpan.replace("%", clock) : terputus;
    clearTimeout(this.again);
    if (!clock) this.again = setTimeout(() => this.save(), RETRY_MS);
    return Boolean(answer);
  }

  // The page is hidden or closed: the browser sends what is not saved yet.
  flush() {
    if (this.sending || this.typed === this.saved) return;
    const body = new URLSearchParams(new FormData(this.form));
    navigator.sendBeacon(this.form.dataset.draf, body);
  }

  // The server's page of the same values: its live parts replace those of this page.
  async preview() {
    this.asked?.abort();
    this.asked = new AbortController();
    const { signal } = this.asked;
    try {
      const more = { aksi: "pratinjau" };
      const answer = await posted(this.form.action, this.form, more, signal);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-hidup]")) {
        const now = page.getElementById(part.id);
        if (now && now.innerHTML !== part.innerHTML)
          part.replaceChildren(...document.importNode(now, true).childNodes);
      }
    } catch {
      // A later change asks again.
    }
  }
}

const form = document.querySelector("form[data-isian]");
if (form) {
  follows(form);
  new Entry(form);
}

// The number of tasks, while the page is visible: a browser opens few connections.
const count = document.querySelector("[data-jumlah]");
if (count) {
  let source;
  const listen = () => {
    source?.close();
    source = document.hidden ? null : new EventSource(count.dataset.jumlah);
    source?.addEventListener("jumlah", ({ data }) => {
      count.textContent = data === "0" ? "" : data;
    });
  };
  document.addEventListener("visibilitychange", listen);
  listen();
}

// Shortcuts of one key; the page /pintasan switches them off.
const rows = () =>
  [...document.querySelectorAll("main tbody tr, main .rows > li")]
    .map((row) => row.querySelector("a[href]"))
    .filter(Boolean);

const step = (by) => {
  const links = rows();
  const here = links.indexOf(document.activeElement);
  links[Math.min(Math.max(here + by, 0), links.length - 1)]?.focus();
};

const keys = {
  "/": () => document.querySelector("[data-cari], input[type=search]")?.focus(),
  j: () => step(1),
  k: () => step(-1),
  t: () => {
    const day = document.querySelector("#per");
    day?.closest("details").setAttribute("open", "");
    day?.focus();
  },
};

document.addEventListener("keydown", (event) => {
  if (document.body.dataset.pintasan === "mati" || event.isComposing) return;
  const typing = event.target.closest("input, select, textarea");
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const of = event.target.closest("form") ?? form;
    const button = of?.querySelector("button:not([type=button], [formaction])");
    if (of?.method === "post" && button) {
      event.preventDefault();
      of.requestSubmit(button);
    }
    return;
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (Object.hasOwn(keys, event.key)) {
    event.preventDefault();
    keys[event.key]();
  }
});

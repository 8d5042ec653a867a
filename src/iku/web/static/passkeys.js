// Passkeys: the browser makes or proves one, the server verifies it.
const sent = async (place, path, more) => {
  const { key, next, proof, sealed: isian } = place.dataset;
  const body = { kunci: key, ke: next, bukti: proof === "true", isian, ...more };
  const answer = await fetch(path + location.search, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.pesan ?? content.detail);
  return content;
};

const proved = async (place) => {
  const publicKey = await sent(place, "/masuk/passkey/opsi", {});
  const options = PublicKeyCredential.parseRequestOptionsFromJSON(publicKey);
  const made = await navigator.credentials.get({ publicKey: options });
  return sent(place, "/masuk/passkey", { tanggapan: made.toJSON() });
};

const registered = async (place) => {
  const publicKey = await sent(place, "/akun/passkey/opsi", {});
  const options = PublicKeyCredential.parseCreationOptionsFromJSON(publicKey);
  const made = await navigator.credentials.create({ publicKey: options });
  const nama = place.querySelector("input").value;
  return sent(place, "/akun/passkey", { tanggapan: made.toJSON(), nama });
};

const known = globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON;
for (const place of document.querySelectorAll("[data-passkey]")) {
  const said = place.querySelector("[role=alert]");
  const step = place.dataset.passkey === "register" ? registered : proved;
  const form = place.querySelector("form");
  form.hidden = !known;
  place.querySelector("[data-unsupported]").hidden = Boolean(known);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    said.textContent = "";
    try {
      location.assign((await step(place)).ke);
    } catch (error) {
      // The browser's own errors are in its language and say too little.
      const own = error instanceof DOMException;
      said.textContent = own ? place.dataset.aborted : error.message;
    }
  });
}

"use strict";
(() => {
  const form = document.getElementById("form");
  const kept = JSON.parse(document.getElementById("kept").textContent);
  const all = (selector) => [...form.querySelectorAll(selector)];
  const name = /^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$/;

  // A TOML string: as JSON's, without lone surrogates and with the one control sign that JSON leaves.
  const text = (value) => JSON.stringify(value.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd"))
    .replaceAll("\u007f", "\\u007f");
  const list = (values) => `[${values.map(text).join(", ")}]`;
  const words = (input) => input.closest("label").querySelector("span").textContent;

  function chosen() {
    const picked = all("input[name^='pair-']:checked, input[name=wish]:checked").filter((each) => each.value);
    const kinds = all("input[name=kind]");
    return {
      user: form.user.value.trim(),
      minor: form.minor.checked,
      picked,
      own: all("textarea[name=own]").map((each) => ({ id: each.dataset.id, text: each.value.trim() })).filter((each) => each.text),
      strict: all("select[name=strict]").filter((each) => each.value),
      remembered: kinds.filter((each) => each.checked),
      not: kinds.filter((each) => !each.checked && !kept.held.includes(each.value)),
      share: all("input[name=share]:checked").length > 0,
      train: all("input[name=train]:checked").length > 0,
    };
  }

  function toml(now) {
    const lines = now.user ? [`user = ${text(now.user)}`] : [];
    const wishes = [...now.picked.map((each) => each.value), ...kept.wishes];
    const consents = [...kept.consents];
    if (now.remembered.length) consents.push("memory");
    if (now.share) consents.push("sharing");
    if (now.train) consents.push("training");
    consents.push(...now.remembered.map((each) => each.value).filter((each) => kept.purposes.includes(each)));
    if (wishes.length) lines.push(`wishes = ${list(wishes)}`);
    const paused = kept.paused.filter((each) => !kept.own.includes(each) || now.own.some((own) => own.id === each));
    if (paused.length) lines.push(`paused = ${list(paused)}`);
    lines.push(`consents = ${list([...new Set(consents)].filter((each) => kept.purposes.includes(each)))}`);
    if (now.minor) lines.push("minor = true");
    for (const each of now.own) lines.push("", "[[own]]", `id = ${text(each.id)}`, `text = ${text(each.text)}`);
    const strict = Object.entries(kept.strict).concat(now.strict.map((each) => [each.dataset.id, each.value]));
    if (strict.length) lines.push("", "[strict]", ...strict.map(([id, level]) => `${id} = ${level}`));
    const not = [...now.not.map((each) => each.value), ...kept.unnamed];
    lines.push("", "[never]", ...["store", "infer", "retain", "read"].map((each) => `${each} = ${list(not)}`));
    const given = { share: now.share || kept.held.includes("sharing"), train: now.train || kept.held.includes("training") };
    for (const each of ["share", "train"]) {
      lines.push(`${each} = ${list(given[each] ? [...new Set([...not, ...kept.never[each]])] : ["*"])}`);
    }
    return `${lines.join("\n")}\n`;
  }

  function sentences(now) {
    const said = [];
    const used = now.picked.filter((each) => !kept.paused.includes(each.value));
    const paused = now.picked.filter((each) => kept.paused.includes(each.value));
    said.push(used.length ? `Used in answers: ${used.map(words).join("; ")}.` : "Answers are written as for everybody.");
    if (paused.length) said.push(`Paused for now: ${paused.map(words).join("; ")}.`);
    if (now.own.length) said.push(now.own.length === 1 ? "One wish in your own words goes to the model." : `${now.own.length} wishes in your own words go to the model.`);
    for (const each of now.strict) said.push(`${each.dataset.title}: answers are refused from ${each.value} of 100 on.`);
    said.push(now.remembered.length ? `May be remembered: ${now.remembered.map(words).join("; ")}.` : "Nothing may be remembered of you.");
    if (now.remembered.length) said.push(`May not be remembered: everything else.`);
    said.push(now.share ? "Others may learn from what is remembered." : "Nothing of yours is shared.");
    said.push(now.train ? "Models may be trained on what is remembered." : "Nothing of yours is trained on.");
    if (now.minor) said.push("You are treated as under 18.");
    return said;
  }

  function show() {
    const now = chosen();
    document.getElementById("toml").textContent = toml(now);
    const shown = document.createElement("ul");
    for (const each of sentences(now)) shown.append(Object.assign(document.createElement("li"), { textContent: each }));
    document.getElementById("says").replaceChildren(shown);
  }

  const say = (what) => { document.getElementById("said").textContent = what; };

  form.addEventListener("input", show);
  form.addEventListener("reset", () => setTimeout(() => { show(); say("As it was at the beginning."); }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const now = chosen();
    const wrong = !name.test(now.user);
    form.user.setAttribute("aria-invalid", String(wrong));
    if (wrong) {
      say("Give a name or number: letters, digits, dots, hyphens; it begins with a letter or a digit.");
      form.user.focus();
      return;
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([toml(now)], { type: "application/toml" }));
    link.download = `${now.user}.toml`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    say(`Saved as ${now.user}.toml. Give it to whoever runs the service.`);
  });
  document.getElementById("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(toml(chosen()));
      say("Copied.");
    } catch {
      document.querySelector("details").open = true;
      const range = document.createRange();
      range.selectNodeContents(document.getElementById("toml"));
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      say("Your browser does not let a page copy. The file is selected: copy it from here.");
    }
  });
  show();
})();

// Shows the OpenAPI document of this host. It needs no library and nothing from another host.
const main = document.getElementById("paths");

function element(name, text, className) {
  const node = document.createElement(name);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
}

function resolve(schema, spec, depth = 0) {
  if (!schema || depth > 6) return {};
  if (schema.$ref) return resolve(schema.$ref.split("/").slice(1).reduce((at, key) => at[key], spec), spec, depth + 1);
  const copy = { ...schema };
  if (copy.properties) copy.properties = Object.fromEntries(Object.entries(copy.properties).map(([key, value]) => [key, resolve(value, spec, depth + 1)]));
  if (copy.items) copy.items = resolve(copy.items, spec, depth + 1);
  return copy;
}

function section(title, value) {
  const box = document.createDocumentFragment();
  box.append(element("h4", title), element("pre", JSON.stringify(value, null, 2)));
  return box;
}

function operation(path, verb, op, spec) {
  const box = element("details");
  const head = element("summary");
  head.append(element("span", verb.toUpperCase(), "verb"), element("code", path), element("span", op.summary ? " — " + op.summary : ""));
  box.append(head);
  if (op.parameters) box.append(section("Parameters", op.parameters.map((p) => ({ name: p.name, in: p.in, required: p.required ?? false, ...p.schema }))));
  for (const [type, body] of Object.entries(op.requestBody?.content ?? {})) box.append(section("Body: " + type, resolve(body.schema, spec)));
  for (const [status, answer] of Object.entries(op.responses ?? {}))
    for (const [type, body] of Object.entries(answer.content ?? { "no body": {} })) box.append(section(`Answer ${status}: ${type}`, resolve(body.schema, spec)));
  return box;
}

fetch("openapi/v1.json")
  .then((answer) => answer.json())
  .then((spec) => {
    main.replaceChildren();
    for (const [path, verbs] of Object.entries(spec.paths))
      for (const [verb, op] of Object.entries(verbs)) main.append(operation(path, verb, op, spec));
  })
  .catch((error) => { main.textContent = "The description could not be loaded: " + error.message; });

// Swagger UI over this service's own description; nothing comes from elsewhere.

// Forms start with the example of the operation, and with nothing where it says nothing: Swagger UI would make up
// numbers. The service takes an empty field as one that was not sent.
function prefill(operation) {
  const form = operation.requestBody?.content?.["multipart/form-data"];
  for (const [name, schema] of Object.entries(form?.schema.properties ?? {})) {
    if (schema.format !== "binary" && schema.type !== "array") schema.example = form.example?.[name] ?? "";
  }
  for (const parameter of operation.parameters ?? []) {
    if (form && parameter.name === "prefer") parameter.example = "wait=60";
  }
}

const response = await fetch("/openapi.json");
const spec = await response.json();
for (const path of Object.values(spec.paths)) Object.values(path).forEach(prefill);
SwaggerUIBundle({
  spec,
  dom_id: "#api",
  deepLinking: true,
  validatorUrl: null,
  tryItOutEnabled: true,
  presets: [SwaggerUIBundle.presets.apis],
});

// Shows the API's own description, folded: what nobody opens is not drawn. A token given here stays in this page.
const place = document.getElementById("api");
SwaggerUIBundle({
  url: place.dataset.url,
  domNode: place,
  deepLinking: false,
  docExpansion: "none",
  defaultModelsExpandDepth: -1,
  defaultModelRendering: "example",
  syntaxHighlight: false, // a CapabilityStatement of a megabyte would hold the browser for minutes
  persistAuthorization: false,
  validatorUrl: null,
  withCredentials: false,
});
document.getElementById("type").addEventListener("change", (event) => event.target.form.submit());

// A CloudFront Function: folders have an index.html, and old names go to the new one.
function handler(event) {
  var request = event.request;
  if (request.headers.host.value === 'cdn.example')
    return {
      statusCode: 301,
      statusDescription: 'Moved Permanently',
      headers: { location: { value: 'https://www.cdn.example' + request.uri } },
    };
  if (request.uri.endsWith('/')) request.uri += 'index.html';
  return request;
}

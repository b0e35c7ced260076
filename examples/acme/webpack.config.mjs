// Builds the page, and in `webpack serve` also leads each request to its silo.

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import HtmlWebpackPlugin from 'html-webpack-plugin';

const here = path.dirname(fileURLToPath(import.meta.url));
const env = (name, fallback) => process.env[`ACME_${name}`] || fallback;

const monolith = env('SILO_MODE', 'MONOLITH') === 'MONOLITH';
const control = env('CONTROL_URL', 'http://127.0.0.1:8001');

/** Each region's name with where its server and its relay listen. */
const regions = new Map(
  JSON.parse(env('REGIONS', '[]')).map((region) => [region.name, upstreams(region)]),
);
if (monolith && regions.size === 0) {
  const relay = Number(env('RELAY_PORT', '0')) || null;
  regions.set(env('REGION', 'us'), upstreams({ url: control, relay }));
}
const home = regions.get('us') ?? regions.values().next().value;

function upstreams({ url, relay }) {
  let relayUrl = null;
  if (relay) {
    relayUrl = new URL(url);
    relayUrl.port = relay;
  }
  return { server: url, relay: relayUrl?.origin ?? null };
}

// The SDK's own paths, for which a DSN may point at this port too.
const SDK = /^\/api\/\d+\/(envelope|store)\/?$/;

const routes = [
  ...[...regions].flatMap(([name, { server, relay }]) => [
    route(`region ${name}`, server, (at) => at.startsWith(`/region/${name}/`), `/region/${name}`),
    route(`${name}'s relay`, relay, (at) => at.startsWith(`/relay/${name}/`), `/relay/${name}`),
  ]),
  route('the relay', home?.relay, (at) => SDK.test(at)),
  route(monolith ? 'the server' : 'control', control, (at) => at.startsWith('/api/') && !SDK.test(at)),
].filter(Boolean);

/** A proxy rule that answers at once, and says so once, when its upstream is away. */
function route(name, target, matches, prefix = '') {
  if (!target) return null;
  let away = false;
  return {
    context: (at) => matches(at),
    target,
    pathRewrite: prefix ? { [`^${prefix}`]: '' } : undefined,
    proxyTimeout: 10_000,
    logLevel: 'silent',
    onProxyRes() {
      if (away) console.log(`webpack: ${name} at ${target} answers again`);
      away = false;
    },
    onError(error, request, response) {
      if (!away) console.log(`webpack: ${name} at ${target} isn't answering (${error.code})`);
      away = true;
      if (!response.writeHead) return response.destroy?.();
      answer(response, 503, `${name} at ${target} isn't answering`);
    },
  };
}

function answer(response, status, error) {
  if (response.headersSent) return response.end();
  response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '1' });
  response.end(JSON.stringify({ error }));
}

/** What no route took: without this a region that isn't there would answer with a page. */
function unknownRegion(request, response, next) {
  const [, kind, name] = request.url.match(/^\/(region|relay)\/([^/]*)/) ?? [];
  if (kind && regions.has(name)) answer(response, 503, `${name} has no ${kind}: start it with --ingest`);
  else if (kind) answer(response, 404, `there is no region ${name}`);
  else if (SDK.test(new URL(request.url, 'http://acme').pathname)) answer(response, 503, 'there is no relay: start it with --ingest');
  else next();
}

export default (_, { mode = 'development' }) => ({
  mode,
  context: here,
  entry: './web/main.js',
  output: { path: path.join(here, 'dist'), filename: '[name].[contenthash:8].js', clean: true },
  devtool: mode === 'production' ? false : 'eval-cheap-module-source-map',
  module: { rules: [{ test: /\.css$/, use: ['style-loader', 'css-loader'] }] },
  plugins: [new HtmlWebpackPlugin({ template: './web/index.html', title: 'Acme' })],
  performance: { hints: false },
  stats: 'errors-warnings',
  infrastructureLogging: { level: 'info' },
  devServer: {
    host: env('WEB_HOST', '127.0.0.1'),
    port: Number(env('WEB_PORT', '8000')),
    // Names under which a tunnel serves this page; this machine's own need no leave.
    allowedHosts: env('PUBLIC_HOST') ? [env('PUBLIC_HOST')] : 'auto',
    hot: true,
    client: { logging: 'warn', overlay: { errors: true, warnings: false } },
    proxy: routes,
    static: false,
    setupMiddlewares: (middlewares) => [...middlewares, { name: 'unknown-region', middleware: unknownRegion }],
  },
});

// The page: asks the silos now and then, and shows what they say.

import './style.css';
import * as api from './api.js';
import { show } from './view.js';

const SHOWN = 40;
const MESSAGES = [
  { level: 'error', message: 'Rocket skates: thrust exceeds warranty' },
  { level: 'warning', message: 'Anvil stock is below 3' },
  { level: 'info', message: 'Giant magnet delivered to Monument Valley' },
  { level: 'error', message: 'TypeError: coyote is undefined' },
  { level: 'warning', message: 'Tunnel paint is drying slower than usual' },
  { level: 'fatal', message: 'Catapult returned to sender' },
];

const state = {
  silos: [],
  organizations: [],
  regions: [],
  projects: new Map(),
  events: [],
  /** The server's clock. */
  now: Date.now(),
  controlError: null,
  /** Whether what comes now is news, rather than what was there when the page opened. */
  fresh: false,
};
const seen = new Map();
let skew = 0;
let sent = 0;

const note = document.getElementById('note');

const actions = {
  async send(organization) {
    const project = state.projects.get(organization.slug);
    const silo = state.silos.find((silo) => silo.region === organization.region);
    if (!silo?.up) return say(`${organization.region} isn’t answering.`);
    if (!silo.ingest) return say('Ingest is off: start with --ingest.');
    if (!project) return say(`${organization.name} has no project yet.`);
    try {
      const id = await api.sendEvent(organization.region, project, MESSAGES[sent++ % MESSAGES.length]);
      const waits = silo.workers.on ? '' : ' It waits for workers: start with --workers.';
      say(`Sent ${id.slice(0, 8)} to ${organization.region}.${waits}`);
    } catch (error) {
      say(`Not sent: ${error.message}`);
    }
  },
};

function say(words) {
  note.textContent = words;
}

async function refreshSilos() {
  try {
    const [{ silos, at }, { organizations }] = await Promise.all([api.silos(), api.organizations()]);
    skew = Date.parse(at) - Date.now();
    const regions = silos.filter((silo) => silo.region).map((silo) => silo.region);
    const rank = (organization) => regions.indexOf(organization.region);
    organizations.sort((a, b) => rank(a) - rank(b) || a.slug.localeCompare(b.slug));
    Object.assign(state, { silos, regions, organizations, controlError: null });
  } catch (error) {
    state.controlError = error;
  }
}

// Only regions that are up are asked: the others would fill the log with refusals.
const regionsUp = () => state.silos.filter((silo) => silo.region && silo.up).map((silo) => silo.region);

async function refreshProjects() {
  for (const region of regionsUp()) {
    const { projects } = await api.projects(region).catch(() => ({ projects: [] }));
    for (const project of projects) state.projects.set(project.organization, project);
  }
}

async function refreshEvents() {
  const answers = await Promise.all(
    regionsUp().map((region) => api.events(region, seen.get(region)).catch(() => null)),
  );
  const news = answers.filter(Boolean).flatMap(({ region, last, events }) => {
    seen.set(region, last);
    return events.map((event) => ({ ...event, region }));
  });
  if (!news.length) return;
  state.events = [...news, ...state.events]
    .sort((a, b) => Date.parse(b.received_at) - Date.parse(a.received_at))
    .slice(0, SHOWN);
}

function render() {
  state.now = Date.now() + skew;
  show(state, actions);
}

/** One round a second, the next when this one is done; what changes seldom is asked seldom. */
async function round(count) {
  if (!document.hidden) {
    if (count % 2 === 0) await refreshSilos();
    const unknown = state.organizations.some(({ slug }) => !state.projects.has(slug));
    if (unknown || count % 10 === 0) await refreshProjects();
    await refreshEvents();
    render();
    state.fresh = true;
  }
  setTimeout(round, 1000, count + 1);
}

document.getElementById('add').addEventListener('submit', async (event) => {
  event.preventDefault();
  const form = event.target;
  try {
    const { name, region } = await api.addOrganization(form.slug.value, form.region.value);
    say(`${name} is in ${region} now.`);
    form.reset();
    await refreshSilos();
    await refreshProjects();
    render();
  } catch (error) {
    say(`Not added: ${error.message}`);
  }
});

import.meta.webpackHot?.accept('./view.js', render);

render();
round(0);

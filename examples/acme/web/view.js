// Shows the state. Called whenever it changes, and each second for "3 s ago".

import { ago, h, sync, text } from './dom.js';

const $ = (id) => document.getElementById(id);
const part = (element, name) => element.querySelector(`[data-part="${name}"]`);

export function show(state, actions) {
  showState(state);
  sync($('silos'), state.silos, (silo) => silo.name, createSilo, (card, silo) => updateSilo(card, silo, state));
  sync(
    $('organizations'),
    state.organizations,
    (organization) => organization.slug,
    (organization) => createOrganization(organization, actions),
    (row, organization) => updateOrganization(row, organization, state),
  );
  sync(
    $('events'),
    state.events,
    (event) => `${event.region}/${event.id}`,
    (event) => createEvent(event, state),
    (row, event) => text(part(row, 'when'), ago(event.received_at, state.now)),
  );
  $('events').hidden = state.events.length === 0;
  $('empty').hidden = state.events.length > 0;
  const live = state.silos.some((silo) => silo.region && silo.up) && !state.controlError;
  $('live').classList.toggle('off', !live);
  text($('live'), live ? 'live' : 'waiting for a region');
  showRegions(state.regions);
}

function showState({ silos, controlError }) {
  const pill = $('state');
  const down = silos.filter((silo) => !silo.up);
  let [kind, words] = ['good', 'Monolith is up'];
  if (controlError) [kind, words] = ['bad', silos[0]?.mode === 'MONOLITH' ? 'The server isn’t answering' : 'Control isn’t answering'];
  else if (!silos.length) [kind, words] = ['', 'Connecting…'];
  else if (down.length) [kind, words] = ['bad', `${down.map((silo) => silo.name).join(', ')}: not answering`];
  else if (silos.length > 1) words = `All ${silos.length} silos are up`;
  pill.className = `pill ${kind}`;
  text(pill, words);
  if (silos[0]?.mode === 'MONOLITH') {
    text($('tagline'), 'The whole app as one monolith: one server, one database.');
  }
}

// Silos.

function createSilo(silo) {
  const row = (name, label) => [h('dt', {}, label), h('dd', { 'data-part': name })];
  return h(
    'li.card',
    { 'data-hue': hueOf(silo) },
    h(
      'div.head',
      {},
      h('span.dot', { 'data-part': 'dot', 'aria-hidden': 'true' }),
      h('h3', {}, silo.name),
      h('span.tag', {}, silo.region ?? 'global'),
      h('span.updown', { 'data-part': 'up' }),
    ),
    h('p.url', {}, silo.url.replace('http://', '')),
    h(
      'dl',
      {},
      ...row('beat', 'Last beat'),
      ...row('workers', 'Workers'),
      ...(silo.mode === 'CONTROL' ? [] : row('ingest', 'Ingest')),
    ),
  );
}

function updateSilo(card, silo, { now, controlError }) {
  const up = silo.up && !(controlError && silo.mode !== 'REGION');
  card.classList.toggle('down', !up);
  text(part(card, 'up'), up ? 'up' : 'not answering');

  const { beat, workers } = silo;
  part(card, 'beat').classList.toggle('off', !beat?.on);
  if (!up) text(part(card, 'beat'), '–');
  else if (beat.on) text(part(card, 'beat'), `#${beat.count}, ${ago(beat.last, now)}`);
  else if (!workers.on && beat.last) text(part(card, 'beat'), `#${beat.count}, needs workers`);
  else text(part(card, 'beat'), 'off: start with --celery-beat');
  if (beat && card.dataset.beats && card.dataset.beats !== String(beat.count)) pulse(part(card, 'dot'));
  card.dataset.beats = beat?.count ?? '';

  flag(part(card, 'workers'), up, workers?.on, '--workers');
  if (silo.mode !== 'CONTROL') flag(part(card, 'ingest'), up, silo.ingest, '--ingest');
}

function flag(element, up, on, hint) {
  element.classList.toggle('off', !up || !on);
  if (!up) text(element, '–');
  else text(element, on ? 'on' : `off: start with ${hint}`);
}

function pulse(dot) {
  dot.classList.remove('pulse');
  void dot.offsetWidth; // Restarts the animation.
  dot.classList.add('pulse');
}

const hueOf = (silo) => (silo.mode === 'CONTROL' ? 'control' : silo.region);

// Organizations.

function createOrganization(organization, actions) {
  return h(
    'li',
    {},
    h(
      'div.grow',
      {},
      h('div.line', {}, h('strong', {}, organization.name), h('span.tag', { 'data-hue': organization.region }, organization.region)),
      h('div.small', { 'data-part': 'count' }),
      h('details.dsn', {}, h('summary', {}, 'DSN'), h('code', { 'data-part': 'dsn' })),
    ),
    h(
      'button.primary',
      {
        'data-part': 'send',
        'aria-label': `Send an event to ${organization.name}`,
        onclick: () => actions.send(organization),
      },
      'Send event',
    ),
  );
}

function updateOrganization(row, organization, { now, silos, projects }) {
  const { event_count: count, last_event_at: last } = organization;
  text(part(row, 'count'), last ? `${count} ${count === 1 ? 'event' : 'events'}, last ${ago(last, now)}` : 'no events yet');

  const silo = silos.find((silo) => silo.region === organization.region);
  const project = projects.get(organization.slug);
  text(part(row, 'dsn'), project?.dsn ?? 'there is no relay yet');

  const why = !silo?.up
    ? `${organization.region} isn’t answering`
    : !silo.ingest
      ? 'Ingest is off: start with --ingest'
      : !project
        ? 'No project yet'
        : '';
  const button = part(row, 'send');
  // Not `disabled`, which would take the focus away and hide the reason.
  button.setAttribute('aria-disabled', String(Boolean(why)));
  button.title = why;
}

function showRegions(regions) {
  const select = document.querySelector('#add select');
  sync(select, regions, (region) => region, (region) => h('option', { value: region }, region));
}

// Events.

function createEvent(event, { fresh }) {
  const took = Date.parse(event.processed_at) - Date.parse(event.received_at);
  const row = h(
    'li.event',
    { 'data-level': event.level },
    h('span.level', {}, event.level),
    h(
      'div.grow',
      {},
      h('div.message', {}, event.message),
      h(
        'div.small',
        {},
        `${event.organization} · ${event.platform} · by ${event.processed_by.split('@')[0]}’s worker in ${Math.max(took, 1)} ms`,
      ),
    ),
    h('div.side', {}, h('span.tag', { 'data-hue': event.region }, event.region), h('span.small', { 'data-part': 'when' })),
  );
  if (fresh) row.classList.add('fresh');
  return row;
}

// Talks to the silos, all through this page's own origin.

async function ask(path, options = {}) {
  const response = await fetch(path, { signal: AbortSignal.timeout(5000), ...options });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.error ?? `${path}: status ${response.status}`);
  return body;
}

// "poll" keeps these out of the servers' logs.
export const silos = () => ask('/api/silos/?poll');
export const organizations = () => ask('/api/organizations/?poll');
export const projects = (region) => ask(`/region/${region}/api/projects/?poll`);
export const events = (region, after) =>
  ask(`/region/${region}/api/events/?poll&limit=40${after === undefined ? '' : `&after=${after}`}`);

export const addOrganization = (slug, region) =>
  ask('/api/organizations/', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ slug, region }),
  });

/** Sends one event the way an SDK does: as an envelope, with the project's key. */
export async function sendEvent(region, project, { message, level }) {
  const eventId = crypto.getRandomValues(new Uint8Array(16)).reduce(
    (hex, byte) => hex + byte.toString(16).padStart(2, '0'),
    '',
  );
  const sentAt = new Date().toISOString();
  const event = { event_id: eventId, timestamp: sentAt, platform: 'javascript', level, message };
  const lines = [{ event_id: eventId, sent_at: sentAt }, { type: 'event' }, event];
  await ask(`/relay/${region}/api/${project.id}/envelope/?sentry_key=${project.public_key}`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain;charset=UTF-8' },
    body: lines.map((line) => JSON.stringify(line)).join('\n'),
  });
  return eventId;
}

// The little that this page needs to build and to update elements.

/** h('p.note', {title: '…'}, 'text', child): an element. */
export function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split('.');
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(' ');
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** Sets a text only where it differs, so that nothing flickers or is read out again. */
export function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

/** Makes a list's children match the items, keeping the elements (and the focus) there are. */
export function sync(list, items, key, create, update) {
  const known = new Map([...list.children].map((child) => [child.dataset.key, child]));
  let place = list.firstElementChild;
  for (const item of items) {
    const id = String(key(item));
    let child = known.get(id);
    if (child) known.delete(id);
    else {
      child = create(item);
      child.dataset.key = id;
    }
    if (child === place) place = place.nextElementSibling;
    else list.insertBefore(child, place);
    update?.(child, item);
  }
  for (const child of known.values()) child.remove();
}

export function ago(at, now) {
  const seconds = Math.max(0, Math.round((now - Date.parse(at)) / 1000));
  if (seconds < 2) return 'just now';
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}

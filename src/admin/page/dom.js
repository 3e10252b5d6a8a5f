// Building the page. Data become text nodes only; names of elements and attributes are this file's callers' own.

const at = (id) => document.getElementById(id);

/** An element with these attributes and children; strings are text. */
function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ''));
  return node;
}

/** Sets the text of `node` if it is another: what is the same stays as it is for whoever reads or selects it. */
function put(node, text) {
  const wanted = String(text ?? '');
  if (node.textContent !== wanted) node.textContent = wanted;
  return node;
}

/** Puts `children` in `node` if they look other than those that are there. */
function swap(node, ...children) {
  const next = el('div', {}, ...children);
  const same = node.childNodes.length === next.childNodes.length
    && [...next.childNodes].every((child, n) => child.isEqualNode(node.childNodes[n]));
  if (!same) node.replaceChildren(...next.childNodes);
  return node;
}

const rowsOf = new WeakMap();

/** Makes the children of `parent` those of `items`. One that was there under the same key is kept and updated, so
 *  that the focus, what is open and what is selected survive. `make` gives { node, update }. */
function sync(parent, items, keyOf, make) {
  const old = rowsOf.get(parent) ?? new Map();
  const next = new Map();
  for (const item of items) {
    let key = keyOf(item);
    while (next.has(key)) key += ' again';
    const row = old.get(key) ?? make(item);
    row.update(item);
    next.set(key, row);
  }
  for (const [key, row] of old) if (!next.has(key)) row.node.remove();
  let place = parent.firstElementChild;
  for (const { node } of next.values()) {
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
  }
  rowsOf.set(parent, next);
}

/** A table that is a list of cards where there is little room. `columns` are headings; a row is a list of cells. */
function table(caption, columns) {
  const heads = columns.map((column) => el('th', { scope: 'col', role: 'columnheader' }, column));
  const body = el('tbody', { role: 'rowgroup' });
  const node = el('table', { role: 'table' },
    el('caption', {}, caption),
    el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, heads)),
    body);
  const make = () => {
    const cells = columns.map((column, n) => (n === 0
      ? el('th', { scope: 'row', role: 'rowheader', 'data-label': column })
      : el('td', { role: 'cell', 'data-label': column })));
    const update = ({ cells: values }) => values.forEach((value, n) => swap(cells[n], el('div', {}, value)));
    return { node: el('tr', { role: 'row' }, cells), update };
  };
  return { node, fill: (rows) => sync(body, rows, ({ key }) => key, make) };
}


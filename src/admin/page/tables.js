// Routes and upstreams.

const MOST_ROWS = 300;
const routes = table('Routes, in the order of the configuration',
  ['Route', 'Methods', 'Access', 'Issuers', 'Scopes', 'Upstream']);
const upstreams = table('Addresses of the upstreams',
  ['Upstream', 'Server', 'Address', 'State', 'Under way', 'Last error']);

const ACCESS = { required: 'token required', optional: 'token optional', public: 'public' };
const listed = (all, none) => (all.length === 0 ? none : all.flatMap((one, n) => [n > 0 ? ', ' : '', code(one)]));

function scopes({ scopes: all, any_scopes: any }) {
  if (all.length + any.length === 0) return DASH;
  return [listed(all, ''), all.length > 0 && any.length > 0 ? ', and ' : '', any.length > 0 ? ['one of ', listed(any, '')] : ''];
}

/** How many of them there are, where not all are shown. */
const cut = (all, one) => (all.length > MOST_ROWS ? `The first ${MOST_ROWS} of ${several(all.length, one)}.` : '');

function showRoutes(all) {
  put(at('routes-note'), all.length === 0 ? 'There are none.' : cut(all, 'route'));
  routes.fill(all.slice(0, MOST_ROWS).map((route) => ({
    key: `${route.route} ${route.methods}`,
    cells: [[code(route.route), route.filters > 0 ? ` with ${several(route.filters, 'filter')}` : ''],
      route.methods === null ? 'any' : plain(route.methods.join(', ')),
      ACCESS[route.access] ?? plain(route.access),
      route.access === 'public' ? DASH : route.issuers === null ? 'any' : listed(route.issuers, 'none'),
      scopes(route), code(route.upstream)],
  })));
  routes.node.hidden = all.length === 0;
}

function addressState({ state, ejected_until: until }) {
  if (state === 'healthy') return badge('good', state);
  return [badge('bad', state), until ? [' until ', timed(until)] : ''];
}

function addressRows({ upstream, servers }) {
  return servers.flatMap((server) => {
    const first = (key) => ({ key: `${upstream} ${server.url} ${key}`, name: code(upstream), server: code(server.url) });
    if (server.addresses.length === 0) {
      const { key, name, server: url } = first('none');
      const error = server.lookup_error ? theirs(server.lookup_error) : DASH;
      return [{ key, cells: [name, url, 'none', badge('bad', 'no address'), '0', error] }];
    }
    return server.addresses.map((one) => {
      const { key, name, server: url } = first(one.address);
      const error = one.last_error ? [theirs(one.last_error), one.last_error_at ? [' ', timed(one.last_error_at)] : ''] : DASH;
      return { key, cells: [name, url, code(one.address), addressState(one), whole(one.requests_under_way), error] };
    });
  });
}

function showUpstreams(all) {
  const rows = all.flatMap(addressRows);
  put(at('upstreams-note'), rows.length === 0 ? 'There are none.' : cut(rows, 'address'));
  upstreams.fill(rows.slice(0, MOST_ROWS));
  upstreams.node.hidden = rows.length === 0;
}

function beginTables() {
  at('route-table').append(routes.node);
  at('upstream-table').append(upstreams.node);
}


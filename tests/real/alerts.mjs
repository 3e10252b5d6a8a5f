// For each alert of examples/monitoring/alerts.yml: series with which it fires after half an hour, and series with
// which it does not. They are written as promtool wants them: begin+step x times, one a minute.

const at = (series, values) => ({ series, values });
const requests = (outcome, perMinute, code = 'x') =>
  at(`portcullis_requests_total{instance="a",route="r",outcome="${outcome}",code="${code}"}`, `0+${perMinute}x180`);
/** Of `outcome`, nothing for two hours and then so many a minute. */
const begins = (outcome, perMinute) =>
  at(`portcullis_requests_total{instance="a",route="r",outcome="${outcome}",code="x"}`, `0x120 0+${perMinute}x60`);
const one = (name, values) => [at(name, values)];
const DAY = 86400;

/** Each alert, when it fires and when it does not; `at` is when it is asked, in minutes, 30 by default. */
export const ALERTS = {
  PortcullisDown: { fires: one('up{job="portcullis",instance="a"}', '0x60'),
    silent: one('up{job="portcullis",instance="a"}', '1x60') },
  PortcullisIssuerWithoutKeys: { fires: one('portcullis_issuers{state="without_keys"}', '1x60'),
    silent: [at('portcullis_issuers{state="without_keys"}', '0x60'), at('portcullis_issuers{state="inactive"}', '3x60')] },
  PortcullisKeysOld: { fires: one('portcullis_key_set_age_seconds{issuer="i"}', '30000+60x60'),
    silent: one('portcullis_key_set_age_seconds{issuer="i"}', '0+60x60') },
  PortcullisKeyFetchFails: {
    fires: one('portcullis_key_set_fetches_total{issuer="i",outcome="failure"}', '0+1x120'), at: 60,
    silent: [at('portcullis_key_set_fetches_total{issuer="i",outcome="failure"}', '0+1x120'),
      at('portcullis_key_set_fetches_total{issuer="i",outcome="success"}', '0+0.2x120')] },
  PortcullisRefusalsJump: { fires: [requests('allow', 600), begins('refuse', 600)], at: 150,
    // As many as ever; and none.
    silent: [requests('allow', 600), requests('refuse', 600)] },
  PortcullisUpstreamErrors: { fires: [requests('allow', 600), requests('fail', 60)],
    silent: [requests('allow', 600), requests('fail', 6), requests('refuse', 600)] },
  PortcullisUpstreamDown: {
    fires: [at('portcullis_upstream_healthy{upstream="u",endpoint="1"}', '0x60'),
      at('portcullis_upstream_healthy{upstream="u",endpoint="2"}', '0x60')],
    silent: [at('portcullis_upstream_healthy{upstream="u",endpoint="1"}', '0x60'),
      at('portcullis_upstream_healthy{upstream="u",endpoint="2"}', '1x60')] },
  PortcullisReloadRefused: { fires: one('portcullis_config_last_reload_successful', '0x60'),
    silent: one('portcullis_config_last_reload_successful', '1x60') },
  PortcullisCertificateExpires: { fires: one('portcullis_certificate_expiry_seconds{name="n"}', `${13 * DAY}x60`),
    silent: one('portcullis_certificate_expiry_seconds{name="n"}', `${20 * DAY}x60`) },
  PortcullisIssuerCertificateExpires: { fires: one('portcullis_key_expiry_seconds{issuer="i"}', `${13 * DAY}x60`),
    silent: one('portcullis_key_expiry_seconds{issuer="i"}', `${20 * DAY}x60`) },
  PortcullisMemoryPressure: { fires: one('portcullis_memory_pressure', '1x60'),
    silent: one('portcullis_memory_pressure', '0x60') },
  PortcullisPanic: { fires: one('portcullis_panics_total', '0x20 1x40'), silent: one('portcullis_panics_total', '1x60') },
  PortcullisStoreUnusable: { fires: one('portcullis_store_open', '0x60'), silent: one('portcullis_store_open', '1x60') },
  PortcullisStoreFull: {
    fires: [at('portcullis_store_entries', '95x60'), at('portcullis_store_capacity', '100x60')],
    silent: [at('portcullis_store_entries', '85x60'), at('portcullis_store_capacity', '100x60')] },
  PortcullisIntrospectionFails: {
    fires: [at('portcullis_introspection_calls_total{issuer="i",outcome="active"}', '0+60x60'),
      at('portcullis_introspection_calls_total{issuer="i",outcome="failure"}', '0+30x60')],
    silent: [at('portcullis_introspection_calls_total{issuer="i",outcome="active"}', '0+60x60'),
      at('portcullis_introspection_calls_total{issuer="i",outcome="failure"}', '0+1x60'),
      at('portcullis_introspection_calls_total{issuer="i",outcome="inactive"}', '0+30x60')] },
  PortcullisAccessLogLosesLines: {
    fires: one('portcullis_access_log_dropped_total{reason="queue_full"}', '0+1x60'),
    silent: one('portcullis_access_log_dropped_total{reason="queue_full"}', '7x60') },
  PortcullisSlow: {
    fires: [at('portcullis_request_duration_seconds_bucket{le="1.0"}', '0+90x60'),
      at('portcullis_request_duration_seconds_bucket{le="10.0"}', '0+100x60'),
      at('portcullis_request_duration_seconds_bucket{le="+Inf"}', '0+100x60')],
    silent: [at('portcullis_request_duration_seconds_bucket{le="1.0"}', '0+100x60'),
      at('portcullis_request_duration_seconds_bucket{le="10.0"}', '0+100x60'),
      at('portcullis_request_duration_seconds_bucket{le="+Inf"}', '0+100x60')] },
};

/** The file for `promtool test rules`; `upside_down` expects the opposite of everything. */
export function tests(rules, upsideDown) {
  const cases = Object.entries(ALERTS).flatMap(([name, { fires, silent, at: minutes = 30 }]) =>
    [[fires, !upsideDown], [silent, upsideDown]].map(([series, firing]) => ({
      interval: '1m',
      input_series: series,
      promql_expr_test: [{
        expr: `count(ALERTS{alertname="${name}",alertstate="firing"})`,
        eval_time: `${minutes}m`,
        exp_samples: firing ? [{ labels: '{}', value: 1 }] : [],
      }],
    })));
  // JSON is YAML.
  return JSON.stringify({ rule_files: [rules], evaluation_interval: '1m', tests: cases }, null, 1);
}

import { type Peer, peersOf, type Scenario } from "./catalogue.ts";
import type { Runtimes } from "./runtimes.ts";

/** What is to be measured of whom; servers whose runtime is missing are left out. */
export interface Plan {
  scenario: Scenario;
  peers: Peer[];
}

/**
 * Says what is to be done.
 *
 * @param scenarios All of them.
 * @param runtimes What was found.
 * @param only Scenarios and servers to keep; empty for all. What ratios compare with
 *   always stays.
 */
export function makePlan(
  scenarios: readonly Scenario[],
  runtimes: Pick<Runtimes, "found">,
  only: readonly string[],
): Plan[] {
  const hasScenario = scenarios.some(({ id }) => only.includes(id));
  const plans = scenarios
    .filter(({ id }) => !hasScenario || only.includes(id))
    .map((scenario) => ({
      scenario,
      peers: peersOf(scenario)
        .filter(({ runtime }) => runtimes.found[runtime] !== undefined),
    }));
  const chosen = only.filter((name) =>
    !scenarios.some(({ id }) => id === name)
  );
  if (chosen.length === 0) return plans;
  return plans.map(({ scenario, peers }) => ({
    scenario,
    peers: peers.filter(({ id }, at) => at === 0 || chosen.includes(id)),
  }));
}

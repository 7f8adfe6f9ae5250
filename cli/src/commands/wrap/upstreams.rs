//! Where the requests of a wrapped agent go: where they would go without Headroom.

use std::ffi::OsString;

use headroom_proxy::Upstreams;

use super::agents::{Agent, Whose};
use crate::failure::Failure;

/// Takes the addresses that the agent would have used, unless the configuration names others. Without it the key of a
/// gateway would go to a provider that it is not for.
pub(super) fn adopt(
    upstreams: &mut Upstreams,
    agent: Agent,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<(), Failure> {
    let default = Upstreams::default();
    for known in agent.variables() {
        let (upstream, default) = match known.whose {
            Whose::OpenAi => (&mut upstreams.openai, &default.openai),
            Whose::Anthropic => (&mut upstreams.anthropic, &default.anthropic),
            Whose::Gemini => (&mut upstreams.gemini, &default.gemini),
        };
        let Some(value) = variable(known.name).filter(|_| upstream == default) else { continue };
        let value = value.to_string_lossy();
        *upstream = value.parse().map_err(|error| Failure::new(format!("{}: {error}", known.name)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adopted(agent: Agent, upstreams: Upstreams, given: &[(&str, &str)]) -> Result<Upstreams, Failure> {
        let mut upstreams = upstreams;
        let variable = |name: &str| given.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        adopt(&mut upstreams, agent, variable).map(|()| upstreams)
    }

    #[test]
    fn an_address_that_the_agent_has_is_where_its_requests_go() {
        let given =
            [("ANTHROPIC_BASE_URL", "https://gateway.example/anthropic"), ("OPENAI_BASE_URL", "https://o.example")];
        let upstreams = adopted(Agent::Claude, Upstreams::default(), &given).unwrap();
        assert_eq!(upstreams.anthropic.as_str(), "https://gateway.example/anthropic");
        assert_eq!(upstreams.openai, Upstreams::default().openai, "claude does not read it");
    }

    #[test]
    fn the_configuration_wins() {
        let configured = Upstreams { anthropic: "https://mine.example".parse().unwrap(), ..Upstreams::default() };
        let given = [("ANTHROPIC_BASE_URL", "https://gateway.example")];
        assert_eq!(adopted(Agent::Claude, configured.clone(), &given).unwrap(), configured);
    }

    #[test]
    fn an_address_that_is_none_is_named() {
        let Err(Failure::Told { message, .. }) =
            adopted(Agent::Other, Upstreams::default(), &[("OPENAI_API_BASE", "nowhere")])
        else {
            panic!("it was taken")
        };
        assert!(message.starts_with("OPENAI_API_BASE: expected an address"), "{message}");
    }
}

//! The sense of a spec: limits, contradictions, names. Pure; says every problem, not only the first.

mod autocomplete;
mod form;
mod notifications;

use signup_service::address::Address;
use signup_service::config::Duration;

use super::text::{self, NAME};
use super::tree::Path;
use super::{Architecture, Domain, Instances, Spec, Topology};

/// CloudFormation takes 50 tags a stack; signupctl adds its own.
const MAX_TAGS: usize = 40;
/// The periods that CloudWatch Logs offers, in days (API reference of `PutRetentionPolicy`).
const LOG_RETENTION_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub path: Path,
    /// Point at the key instead of its value: the key itself is the mistake.
    pub at_key: bool,
    pub message: String,
    pub hint: Option<String>,
}

/// Collects problems as the checks walk the spec.
#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, path: &Path, message: impl Into<String>, hint: impl Into<String>) {
        self.push(path, false, message.into(), hint.into());
    }

    fn add_key(&mut self, path: &Path, message: impl Into<String>, hint: impl Into<String>) {
        self.push(path, true, message.into(), hint.into());
    }

    fn push(&mut self, path: &Path, at_key: bool, message: String, hint: String) {
        self.0.push(Problem { path: path.clone(), at_key, message, hint: (!hint.is_empty()).then_some(hint) });
    }

    /// A text a person reads: not empty, not longer than `max` characters.
    fn text(&mut self, path: &Path, text: &str, max: usize) {
        if let Some((message, hint)) = text::complaint(path, text, max) {
            self.add(path, message, hint);
        }
    }

    fn range(&mut self, path: &Path, value: u32, range: std::ops::RangeInclusive<u32>, unit: &str) {
        if !range.contains(&value) {
            let hint = format!("choose {} to {}{unit}", range.start(), range.end());
            self.add(path, format!("`{path}` is out of range: {value}"), hint);
        }
    }

    fn address(&mut self, path: &Path, address: &str) {
        if let Err(error) = Address::parse(address) {
            self.add(path, format!("`{path}` is no mail address: {error}"), "");
        }
    }
}

/// Everything that is wrong with `spec`, in no particular order.
pub fn check(spec: &Spec) -> Vec<Problem> {
    let root = Path::default();
    let mut problems = Problems::default();
    if !is_name(&spec.service, 32, b'-') {
        problems.add(
            &root.key("service"),
            format!("`{}` is no name for a service", spec.service),
            "use 2 to 32 lower-case letters, digits and single hyphens, starting with a letter",
        );
    }
    if let Some(region) = &spec.region
        && !is_region(region)
    {
        problems.add(&root.key("region"), format!("`{region}` is no AWS Region"), "write it as `eu-central-1`");
    }
    check_email(spec, &mut problems);
    form::check(&spec.form, &mut problems);
    check_branding(spec, &mut problems);
    check_limits(spec, &mut problems);
    check_origins(spec, &mut problems);
    check_tags(spec, &mut problems);
    notifications::check(spec, &mut problems);
    if let Some(domain) = &spec.domain {
        check_domain(domain, spec.region.as_deref(), &mut problems);
    }
    check_instances(spec, &mut problems);
    problems.0
}

fn check_email(spec: &Spec, problems: &mut Problems) {
    let email = Path::default().key("email");
    problems.address(&email.key("from"), &spec.email.from);
    if let Some(reply_to) = &spec.email.reply_to {
        problems.address(&email.key("reply_to"), reply_to);
    }
    if let Some(name) = &spec.email.from_name {
        problems.text(&email.key("from_name"), name, NAME);
        if name.contains(char::is_control) {
            problems.add(&email.key("from_name"), "`email.from_name` holds a control character", "keep it on one line");
        }
    }
    if let Some(address) = &spec.monitoring.alarm_address {
        problems.address(&Path::default().key("monitoring").key("alarm_address"), address);
    }
}

fn check_branding(spec: &Spec, problems: &mut Problems) {
    let path = Path::default().key("branding");
    if let Some(name) = &spec.branding.name {
        problems.text(&path.key("name"), name, NAME);
        // It stands in the subject of every mail.
        if name.contains(char::is_control) {
            problems.add(&path.key("name"), "`branding.name` holds a control character", "keep it on one line");
        }
    }
    if let Some(color) = &spec.branding.color {
        let digits = color.strip_prefix('#').filter(|digits| digits.len() == 6);
        if !digits.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit())) {
            let hint = "write it as `\"#2457a6\"`, in quotes";
            problems.add(&path.key("color"), format!("`{color}` is no colour"), hint);
        }
    }
}

fn check_limits(spec: &Spec, problems: &mut Problems) {
    let root = Path::default();
    let data = root.key("data");
    problems.range(&data.key("pitr_days"), spec.data.pitr_days, 0..=35, " days");
    let retention = data.key("retention");
    if spec.data.retention < Duration::days(1) || spec.data.retention > Duration::days(3_650) {
        problems.add(&retention, "`data.retention` is out of range", "choose `1d` to `3650d`");
    }
    let expires = spec.confirmation.expires;
    let expires_path = root.key("confirmation").key("expires");
    if expires.seconds < 600 || expires > Duration::days(30) {
        problems.add(&expires_path, "`confirmation.expires` is out of range", "choose `10m` to `30d`");
    } else if expires > spec.data.retention {
        problems.add(
            &expires_path,
            format!("a link lives for {expires}, but the sign-up behind it only for {}", spec.data.retention),
            "make `data.retention` at least as long as `confirmation.expires`",
        );
    }
    let capacity = root.key("capacity");
    problems.range(&capacity.key("memory"), spec.capacity.memory, 128..=10_240, " MB");
    if let Some(concurrency) = spec.capacity.concurrency {
        problems.range(&capacity.key("concurrency"), concurrency, 1..=10_000, "");
    }
    if !LOG_RETENTION_DAYS.contains(&spec.monitoring.log_retention_days) {
        let days = LOG_RETENTION_DAYS.map(|days| days.to_string()).join(", ");
        problems.add(
            &root.key("monitoring").key("log_retention_days"),
            format!("CloudWatch Logs does not offer {} days", spec.monitoring.log_retention_days),
            format!("choose one of {days}"),
        );
    }
    let budgets = root.key("security").key("budgets");
    let limits = &spec.security.budgets;
    problems.range(&budgets.key("address_per_hour"), limits.address_per_hour, 1..=1_000, "");
    problems.range(
        &budgets.key("ip_per_hour"),
        limits.ip_per_hour,
        1..=2_000,
        "; the proofs of one client and hour are one item of the table",
    );
    problems.range(&budgets.key("unproven_per_hour"), limits.unproven_per_hour, 1..=1_000_000, "");
    problems.range(&budgets.key("service_per_day"), limits.service_per_day, 1..=100_000_000, "");
    problems.range(&budgets.key("requests_per_second"), limits.requests_per_second, 1..=10_000, "");
    problems.range(&budgets.key("burst"), limits.burst, 1..=5_000, "");
    if limits.burst < limits.requests_per_second && limits.burst <= 5_000 && limits.requests_per_second <= 5_000 {
        let hint = "a burst below the steady rate would refuse requests that the rate allows";
        problems.add(&budgets.key("burst"), "`burst` is less than `requests_per_second`", hint);
    }
}

fn check_instances(spec: &Spec, problems: &mut Problems) {
    let root = Path::default();
    if spec.topology == Topology::HighPerformance && spec.domain.is_none() {
        problems.add(
            &root.key("topology"),
            "`high-performance` needs a `domain` with a certificate",
            "a load balancer has no HTTPS of its own, and passwords and addresses do not travel without: request a \
             certificate in ACM, and write `domain: { name: …, certificate_arn: … }`",
        );
    }
    let path = root.key("capacity").key("instances");
    let Instances { instance_type, min, max } = &spec.capacity.instances;
    problems.range(&path.key("min"), *min, 2..=100, "; with one, nobody would answer when it fails");
    problems.range(&path.key("max"), *max, 3..=200, "");
    if max <= min {
        let hint = "make it more than `min`: a new instance comes before an old one goes";
        problems.add(&path.key("max"), format!("`max` is {max}, and `min` is {min}"), hint);
    }
    let Some(instance_type) = instance_type else { return };
    // 758 MB were seen of a server whose limits were all used up, beside the system and the log agent.
    if let (Topology::HighPerformance, Some((_, size @ ("nano" | "micro")))) =
        (spec.topology, instance_type.split_once('.'))
    {
        let hint = "choose `small` or more: a server with all its places taken needs most of a gigabyte for itself";
        problems.add(&path.key("type"), format!("`{size}` has less than 2 GB of memory"), hint);
    }
    let architecture = spec.capacity.architecture;
    match processor(instance_type) {
        None => problems.add(
            &path.key("type"),
            format!("`{instance_type}` is no type of instance"),
            "write it as EC2 does, such as `t4g.small`",
        ),
        Some(processor) if processor != architecture => problems.add(
            &path.key("type"),
            format!("`{instance_type}` is for {}, the server is built for {}", processor.name(), architecture.name()),
            format!("choose another type, or set `capacity.architecture: {}`", processor.name()),
        ),
        Some(_) => {}
    }
}

/// What a type of instance runs: Graviton's have a `g` among the letters behind their generation (`t4g`, `c7gn`), or
/// are the first of them (`a1`).
fn processor(instance_type: &str) -> Option<Architecture> {
    let (family, size) = instance_type.split_once('.')?;
    let is_plain =
        |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
    let generation = family.find(|letter: char| letter.is_ascii_digit())?;
    if !is_plain(family) || generation == 0 || !is_size(size) {
        return None;
    }
    let is_arm = family == "a1" || family[generation..].contains('g');
    Some(if is_arm { Architecture::Arm64 } else { Architecture::X86_64 })
}

/// EC2's sizes: `small`, `large`, `2xlarge`, `metal`, `metal-24xl`.
fn is_size(size: &str) -> bool {
    const NAMES: [&str; 7] = ["nano", "micro", "small", "medium", "large", "xlarge", "metal"];
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let by = |ending: &str| size.strip_suffix(ending).is_some_and(is_number);
    NAMES.contains(&size)
        || by("xlarge")
        || size.strip_prefix("metal-").is_some_and(|it| is_number(it.trim_end_matches("xl")))
}

fn check_origins(spec: &Spec, problems: &mut Problems) {
    let security = Path::default().key("security");
    if spec.security.hsts_subdomains == Some(true) && spec.domain.is_none() {
        let hint = "leave it out, or give the service a name of yours: `domain: { name: …, certificate_arn: … }`";
        problems.add(&security.key("hsts_subdomains"), "`hsts_subdomains` without a `domain`", hint);
    }
    let path = security.key("allowed_origins");
    for (index, origin) in spec.security.allowed_origins.iter().enumerate() {
        let host = origin.strip_prefix("https://").or_else(|| {
            let host = origin.strip_prefix("http://")?;
            let name = host.split(':').next()?;
            (name == "localhost" || name == "127.0.0.1").then_some(host)
        });
        let plain = |host: &str| {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:".contains(&byte))
        };
        if !host.is_some_and(plain) {
            let hint = "write scheme and host alone, such as `https://www.example.com`; `http` only for localhost";
            problems.add(&path.index(index), format!("`{origin}` is no origin"), hint);
            continue;
        }
        // A browser leaves it out, so that the origin it sends were never this one.
        let usual = if origin.starts_with("https:") { ":443" } else { ":80" };
        if let Some(bare) = origin.strip_suffix(usual) {
            let hint = format!("leave it out: `{bare}`");
            problems.add(&path.index(index), format!("`{origin}` names the port that its scheme has anyway"), hint);
        }
    }
}

fn check_tags(spec: &Spec, problems: &mut Problems) {
    let path = Path::default().key("tags");
    if spec.tags.len() > MAX_TAGS {
        problems.add_key(&path, format!("there are more than {MAX_TAGS} tags"), "");
    }
    for (key, value) in &spec.tags {
        let reserved = ["aws:", "signupctl:"].iter().any(|prefix| key.to_ascii_lowercase().starts_with(prefix));
        if reserved || key.is_empty() || key.chars().count() > 128 {
            let hint = "use 1 to 128 characters, not starting with `aws:` or `signupctl:`";
            problems.add_key(&path.key(key), format!("`{key}` is no key for a tag"), hint);
        }
        let allowed = |text: &str| text.chars().all(|letter| letter.is_alphanumeric() || " _.:/=+-@".contains(letter));
        if value.is_empty() || value.chars().count() > 256 || !allowed(value) || !allowed(key) {
            let hint = "use 1 to 256 letters, digits, spaces and `_.:/=+-@`";
            problems.add(&path.key(key), format!("the tag `{key}` is none that AWS takes"), hint);
        }
        // IAM tells keys apart regardless of case, and roles carry the stack's tags.
        if spec.tags.keys().any(|other| other < key && other.to_lowercase() == key.to_lowercase()) {
            problems.add_key(&path.key(key), format!("there is another tag `{key}` in other letters"), "keep one");
        }
    }
}

fn check_domain(domain: &Domain, region: Option<&str>, problems: &mut Problems) {
    let path = Path::default().key("domain");
    let label = |label: &str| {
        let letters = label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        letters && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    // The template takes 80 characters: the name goes into a version's description, which holds 256.
    if !domain.name.contains('.') || domain.name.len() > 80 || !domain.name.split('.').all(label) {
        problems.add(&path.key("name"), format!("`{}` is no domain name", domain.name), "write `signup.example.com`");
    }
    let arn: Vec<&str> = domain.certificate_arn.split(':').collect();
    match arn.as_slice() {
        ["arn", _, "acm", certificate_region, _, name] if name.starts_with("certificate/") => {
            if region.is_some_and(|region| region != *certificate_region) {
                problems.add(
                    &path.key("certificate_arn"),
                    format!("the certificate is in `{certificate_region}`, the service is not"),
                    "an API takes a certificate of its own Region: request one there",
                );
            }
        }
        _ => problems.add(
            &path.key("certificate_arn"),
            "`domain.certificate_arn` is no ARN of an ACM certificate",
            "it reads `arn:aws:acm:REGION:ACCOUNT:certificate/ID`",
        ),
    }
}

/// Lower-case letters and digits in groups joined by single `joint`s, starting with a letter.
fn is_name(name: &str, max: usize, joint: u8) -> bool {
    let bytes = name.as_bytes();
    (2..=max).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes.last() != Some(&joint)
        && !bytes.windows(2).any(|pair| pair == [joint, joint])
        && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == joint)
}

/// `eu-central-1`, `us-gov-west-1`, `eusc-de-east-1`: the shape alone, since new Regions open every year.
fn is_region(region: &str) -> bool {
    let parts: Vec<&str> = region.split('-').collect();
    (3..=4).contains(&parts.len())
        && (2..=4).contains(&parts[0].len())
        && parts[..parts.len() - 1]
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase()))
        && parts.last().is_some_and(|number| number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_of_instance_tells_its_processor() {
        let arm = ["t4g.small", "c7gn.2xlarge", "m8gd.metal-24xl", "x2gd.large", "a1.medium", "g5g.xlarge"];
        assert!(arm.iter().all(|it| processor(it) == Some(Architecture::Arm64)));
        let intel = ["t3.small", "m7i.large", "g5.xlarge", "c6a.large"];
        assert!(intel.iter().all(|it| processor(it) == Some(Architecture::X86_64)));
        for wrong in ["", "t4g", ".small", "T3.small", "t3.", "t3 .small", "4g.small", "t3.small.large", "t4g.smal"] {
            assert_eq!(processor(wrong), None, "{wrong}");
        }
    }
}

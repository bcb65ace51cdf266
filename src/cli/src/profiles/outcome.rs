use repository::detect::Candidate;

/// The result of trying a profile, in words.
pub fn outcome(candidate: &Candidate) -> String {
    match &candidate.proof {
        Ok(proof) => format!("{} ({})", proof.verdict.name(), proof.reason),
        Err(problem) => problem.clone(),
    }
}

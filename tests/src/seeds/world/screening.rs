//! The filters: asked, answered, taken back.

use jobyard_kernel::filter::{Asks, FilterAnswer, QuestionKind};
use jobyard_kernel::{Job, State};

use super::{Check, Coming, World};
use crate::seeds::{Bug, filters};

impl World {
    /// Filters answer anything, at any time.
    pub(super) fn ask_filters(&mut self) {
        let Some(host) = &mut self.host else { return };
        for question in host.core.questions(self.now) {
            let kind = match question.asks {
                Asks::Submission => QuestionKind::Submission,
                Asks::Activation(_) => QuestionKind::Activation,
                Asks::Revert => QuestionKind::Revert,
            };
            let answer = match self.faults {
                true => filters::answer(kind, self.now, &mut self.n),
                false => filters::yes_to(kind),
            };
            let slow = self.faults && self.n.once_in(10);
            let after = self.millis(if slow { 20_000 } else { 200 });
            let (filter, number) = (question.filter, question.number);
            let answers = Coming::FilterAnswers(self.life, filter, number, answer);
            self.later(after, answers);
        }
    }

    /// Only a yes lets a job go on, and only to what it is asked now.
    pub(super) fn filter_answers(
        &mut self,
        filter: &str,
        question: u64,
        answer: FilterAnswer,
    ) -> Check {
        let now = self.now;
        let Some(host) = &mut self.host else {
            return Ok(());
        };
        let about = host.core.state().asked_about(question);
        let (mut taken, mut number) = (answer.clone(), question);
        if self.bug == Some(Bug::FaultsAreConsent)
            && let FilterAnswer::Fault(..) = answer
        {
            taken = FilterAnswer::Start;
        }
        if self.bug == Some(Bug::AnyAnswerCounts) && about.is_none() {
            let other = host.core.state().questions().next();
            number = other.map_or(number, |(number, ..)| number);
        }
        let before = host.core.state().clone();
        host.core.filter_answered(filter, number, taken, now);
        let after = host.core.state();
        if about.is_none() && *after != before {
            return Err(format!("{answer:?} came too late and changed something"));
        }
        let yes = answer == FilterAnswer::Start || matches!(answer, FilterAnswer::Accept(_));
        let held = |state: &State| about.and_then(|id| state.job(id)).map_or(0, Job::cores);
        if !yes && held(after) > held(&before) {
            return Err(format!("{answer:?} gave job {about:?} resources"));
        }
        Ok(())
    }
}

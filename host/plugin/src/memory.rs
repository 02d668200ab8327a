//! Counts what one instance holds of memory, and refuses it more than its limit.

use wasmtime::ResourceLimiter;

use crate::limits::{CORE_INSTANCES_MAX, MEMORIES_MAX};

/// All linear memories and tables of one store, in bytes.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    bytes_max: usize,
    bytes: usize,
    last_growth: usize,
    denied: Option<usize>,
}

impl MemoryBudget {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            bytes: 0,
            last_growth: 0,
            denied: None,
        }
    }

    /// What is held now.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How much was wanted in all when growth was last refused since the call began.
    pub(crate) fn denied(&self) -> Option<usize> {
        self.denied
    }

    pub(crate) fn begin_call(&mut self) {
        self.denied = None;
    }

    fn grow(&mut self, current: usize, desired: usize) -> bool {
        let growth = desired.saturating_sub(current);
        let wanted = self.bytes.saturating_add(growth);
        if wanted > self.bytes_max {
            self.denied = Some(wanted);
            return false;
        }
        self.bytes = wanted;
        self.last_growth = growth;
        true
    }

    /// The growth that was just allowed did not happen: the machine, or the guest's own maximum, ruled it out.
    fn grow_failed(&mut self) {
        self.denied = Some(self.bytes);
        self.bytes -= self.last_growth;
        self.last_growth = 0;
    }
}

impl ResourceLimiter for MemoryBudget {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow(current, desired))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.grow_failed();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let element = size_of::<usize>();
        Ok(self.grow(
            current.saturating_mul(element),
            desired.saturating_mul(element),
        ))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.grow_failed();
        Ok(())
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        MEMORIES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_share_one_budget() {
        let mut budget = MemoryBudget::new(1 << 20);
        assert!(budget.memory_growing(0, 0x80000, None).unwrap());
        assert!(budget.table_growing(0, 0x8000, None).unwrap());
        assert_eq!(budget.bytes(), 0x80000 + 0x8000 * size_of::<usize>());
        assert!(!budget.memory_growing(0x80000, 0x180000, None).unwrap());
        assert_eq!(budget.denied(), Some(budget.bytes() + 0x100000));
        budget.begin_call();
        assert_eq!(budget.denied(), None);
    }

    #[test]
    fn growth_that_failed_is_not_held() {
        let mut budget = MemoryBudget::new(1 << 20);
        assert!(budget.memory_growing(0, 0x10000, None).unwrap());
        assert!(
            budget
                .memory_growing(0x10000, 0x20000, Some(0x10000))
                .unwrap()
        );
        budget
            .memory_grow_failed(wasmtime::Error::msg("over its own maximum"))
            .unwrap();
        assert_eq!(budget.bytes(), 0x10000);
    }
}

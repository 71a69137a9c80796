//! waverig.sys
#![no_std]
